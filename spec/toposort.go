package spec

// SortByReference puts nodes so that each comes after those that it refers to; otherwise they stay in the order that is given. References to others are
// passed over. Of a reference that closes a cycle it tells cycle, which may be nil: the path from the node that is referred to until the one that does so.
func SortByReference[T comparable](nodes []T, references func(T) []T, cycle func(path []T)) []T {
	const (
		unseen = iota + 1
		open
		done
	)
	out := make([]T, 0, len(nodes))
	state := make(map[T]byte, len(nodes))
	for _, n := range nodes {
		state[n] = unseen
	}
	var path []T
	var visit func(n T)
	visit = func(n T) {
		state[n] = open
		path = append(path, n)
		for _, to := range references(n) {
			switch state[to] {
			case unseen:
				visit(to)
			case open:
				if cycle != nil {
					from := len(path) - 1
					for path[from] != to {
						from--
					}
					cycle(path[from:])
				}
			}
		}
		path = path[:len(path)-1]
		state[n] = done
		out = append(out, n)
	}
	for _, n := range nodes {
		if state[n] == unseen {
			visit(n)
		}
	}
	return out
}
