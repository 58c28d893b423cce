package spec

// SortByReference puts nodes so that each comes after all that it refers to, which it takes in too; otherwise they stay in the order that is given.
// Of a reference that closes a cycle it tells cycle, which may be nil: the path from the node that is referred to until the one that does so.
func SortByReference[T comparable](nodes []T, references func(T) []T, cycle func(path []T)) []T {
	const (
		open = iota + 1
		done
	)
	out := make([]T, 0, len(nodes))
	state := make(map[T]int, len(nodes))
	var path []T
	var visit func(n T)
	visit = func(n T) {
		state[n] = open
		path = append(path, n)
		for _, to := range references(n) {
			switch state[to] {
			case 0:
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
		if state[n] == 0 {
			visit(n)
		}
	}
	return out
}
