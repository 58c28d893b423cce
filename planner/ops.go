package planner

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// Phase is when in a plan an op is run.
type Phase int

// The phases, in their order.
const (
	PhasePrepare Phase = iota + 1 // it makes what is to come, and touches nothing that runs
	PhaseCheck                    // it fails if the plan is out of date
	PhaseAct                      // it touches what was there
	PhasePublish                  // it changes what isn't on this host
)

// Trait is how an op behaves while it is run, and how people name it.
type Trait int

// The traits.
const (
	MayBeCutOff   Trait = 1 << iota // an interrupt ends it under way: it is slow, and changes nothing before its end
	OnlyWaits                       // it occupies no worker
	StartsTask                      // it is the start of a container's process
	StopsTask                       // it is the end of a container's process
	CreatesObject                   // its object has an ID that nothing had before
	TitledByName                    // people name it by its own object: its change is about another one
)

// OpRow is all that is known of an op besides the values of its fields.
type OpRow struct {
	Name       string    // in a saved plan
	Verb       string    // for people: "pull"
	Participle string    // "pulling"
	Kind       spec.Kind // of the object that it is about; "": it is about several
	Phase      Phase
	Traits     Trait

	former   []string // names in plans that earlier versions saved
	typ      reflect.Type
	roles    map[string]opField // see role
	required []opField
}

// The roles that a field of an op can have, by its tag `plan`. A field can also be "required", so that a saved plan without it is refused.
// "role:Field" stands for a field of the struct that the field points to.
const (
	roleObject = "object" // ID of the object: a container's ID, an image record's name, a platform
	roleName   = "name"   // what people call the object; where no field has this role, it is the object's ID
	roleBefore = "before" // what Expect fills
	roleBytes  = "bytes"  // downloaded, at most
	roleLasts  = "lasts"  // for how long it may wait
	roleMany   = "many"   // the objects that it is about, where they are several
	roleResult = "result" // placeholder of what the op will tell
	roleWas    = "was"    // what the placeholder stands for if the op changes nothing; "": nothing was there
)

// opRows has every op.
var opRows = []*OpRow{
	opRow[PullImage]("pull_image", "pull", "pulling", spec.KindImage, PhasePrepare, MayBeCutOff),
	opRow[LoadImage]("load_image", "load", "loading", spec.KindImage, PhasePrepare, MayBeCutOff),
	opRow[BuildImage]("build_image", "build", "building", spec.KindImage, PhasePrepare, MayBeCutOff),
	opRow[ImportImage]("import_image", "import", "importing", spec.KindImage, PhasePrepare, MayBeCutOff),
	opRow[RegisterEmulator]("register_emulator", "register", "registering", spec.KindEmulator, PhasePrepare, 0),
	opRow[TagImage]("tag_image", "tag", "tagging", spec.KindImage, PhasePrepare, TitledByName),
	opRow[PushImage]("push_image", "push", "pushing", spec.KindImage, PhasePublish, MayBeCutOff|TitledByName),
	opRow[RelabelImage]("relabel_image", "relabel", "relabelling", spec.KindImage, PhaseAct, TitledByName),
	opRow[UntagImage]("untag_image", "untag", "untagging", spec.KindImage, PhaseAct, TitledByName),
	opRow[CreateContainer]("create_container", "create", "creating", spec.KindContainer, PhasePrepare, CreatesObject),
	opRow[StartTask]("start_task", "start", "starting", spec.KindContainer, PhaseAct, StartsTask),
	opRow[AwaitReady]("await_ready", "wait for", "waiting for", spec.KindContainer, PhaseAct, OnlyWaits),
	opRow[ClearPending]("clear_pending", "confirm", "confirming", spec.KindContainer, PhaseAct, 0, "settle"),
	opRow[StopTask]("stop_task", "stop", "stopping", spec.KindContainer, PhaseAct, StopsTask),
	opRow[PauseTask]("pause_task", "pause", "pausing", spec.KindContainer, PhaseAct, 0),
	opRow[ResumeTask]("resume_task", "resume", "resuming", spec.KindContainer, PhaseAct, 0),
	opRow[RelabelContainer]("relabel_container", "relabel", "relabelling", spec.KindContainer, PhaseAct, 0),
	opRow[RemoveContainer]("remove_container", "remove", "removing", spec.KindContainer, PhaseAct, 0),
	opRow[CheckUnmoved]("check_unmoved", "check", "checking that nothing moved", "", PhaseCheck, 0),
}

var (
	rowsByType = map[reflect.Type]*OpRow{}
	rowsByName = map[string]*OpRow{}
)

func init() {
	for _, r := range opRows {
		rowsByType[r.typ] = r
		for _, name := range append(r.former, r.Name) {
			rowsByName[name] = r
		}
	}
}

func opRow[T any, P interface {
	*T
	Op
}](name, verb, participle string, kind spec.Kind, phase Phase, traits Trait, former ...string) *OpRow {
	r := &OpRow{Name: name, Verb: verb, Participle: participle, Kind: kind, Phase: phase, Traits: traits, former: former}
	r.typ, r.roles = reflect.TypeFor[P](), map[string]opField{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		for _, word := range strings.Split(f.Tag.Get("plan"), ",") {
			role, within, _ := strings.Cut(word, ":")
			field := opField{name: jsonName(f), index: f.Index}
			if role == "required" {
				r.required = append(r.required, field)
			}
			if within != "" {
				inner, _ := f.Type.Elem().FieldByName(within)
				field = opField{name: field.name + "." + jsonName(inner), index: append(slices.Clone(f.Index), inner.Index...)}
				if role == "required" {
					r.required = append(r.required, field)
				}
			}
			r.roles[role] = field
		}
	}
	return r
}

// OpRows gives every op's row.
func OpRows() []*OpRow { return slices.Clone(opRows) }

// RowOf gives the row of an op.
func RowOf(op Op) *OpRow { return rowsByType[reflect.TypeOf(op)] }

// New makes an op without values.
func (r *OpRow) New() Op { return reflect.New(r.typ.Elem()).Interface().(Op) }

// Is tells whether ops of this row have a trait.
func (r *OpRow) Is(t Trait) bool { return r.Traits&t != 0 }

// ObjectID is the ID of the object that an op of this row is about.
func (r *OpRow) ObjectID(op Op) string { return r.text(op, roleObject) }

// ObjectName is what people call that object.
func (r *OpRow) ObjectName(op Op) string {
	if name := r.text(op, roleName); name != "" {
		return name
	}
	return r.ObjectID(op)
}

// text is the value of the field with a role; "" where the op has none.
func (r *OpRow) text(op Op, role string) string {
	if v := r.roles[role].of(op); v.IsValid() {
		return v.String()
	}
	return ""
}

// number is the value of the field with a role; 0 where the op has none.
func (r *OpRow) number(op Op, role string) int64 {
	if v := r.roles[role].of(op); v.IsValid() {
		return v.Int()
	}
	return 0
}

// set fills the field with a role, where the op has one.
func (r *OpRow) set(op Op, role, value string) {
	if v := r.roles[role].of(op); v.IsValid() {
		v.SetString(value)
	}
}

// check refuses an op that lacks what a runner takes for granted.
func (r *OpRow) check(op Op) error {
	for _, f := range r.required {
		if v := f.of(op); !v.IsValid() || v.IsZero() {
			return fmt.Errorf("%s: the field %q must be set", r.Name, f.name)
		}
	}
	return nil
}

// lasts is for how long an op may wait for something else than the host.
func lasts(op Op) time.Duration { return time.Duration(RowOf(op).number(op, roleLasts)) }

// Verb is what an op does, in a word.
func Verb(op Op) string { return RowOf(op).Verb }

// opField is where an op keeps a value.
type opField struct {
	name  string // in a saved plan
	index []int  // none: the op has no such field
}

// of gives the field of one op; an invalid value where it isn't there.
func (f opField) of(op Op) reflect.Value {
	if len(f.index) == 0 {
		return reflect.Value{}
	}
	v := reflect.ValueOf(op)
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return cmp.Or(name, f.Name)
}

// Expect writes into an op that changes an image record the digest that the record has now, so that a run changes no other one: "" where
// there is none.
func Expect(op Op, images map[string]*LiveImage) {
	r := RowOf(op)
	if rec := images[r.ObjectID(op)]; rec != nil {
		r.set(op, roleBefore, rec.Digest)
	}
}
