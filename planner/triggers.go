package planner

import (
	"github.com/fairlead-dev/fairlead/spec"
)

// replaceAsked tells whether --replace names an address or its block.
func (pb *planBuilder) replaceAsked(a spec.Addr) bool {
	return pb.replaces[a] || pb.replaces[a.Block()]
}

// triggeredBy gives the first resource that an address names and this plan renews; "" where there is none.
func (pb *planBuilder) triggeredBy(a spec.Addr) string {
	hit := func(x spec.Addr) bool { return pb.decisionOf(x).renewed != "" }
	if hit(a) {
		return a.String()
	}
	if a.Key == "" {
		for _, x := range pb.instances(a) {
			if hit(x) {
				return x.String()
			}
		}
	}
	return ""
}

// instances gives the addresses of a block's instances, in order.
func (pb *planBuilder) instances(block spec.Addr) []spec.Addr {
	if pb.byBlock == nil {
		pb.byBlock = map[spec.Addr][]spec.Addr{}
		for _, a := range pb.ordered {
			if a.Key != "" {
				pb.byBlock[a.Block()] = append(pb.byBlock[a.Block()], a)
			}
		}
	}
	return pb.byBlock[block]
}
