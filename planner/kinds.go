package planner

// kind is one op: its name in a saved plan, and its verb for people.
type kind struct {
	name string
	verb string
	make func() Op
	is   func(Op) bool
}

func kindOf[T any, P interface {
	*T
	Op
}](name, verb string) kind {
	return kind{name, verb, func() Op { return P(new(T)) }, func(o Op) bool { _, ok := o.(P); return ok }}
}

// kinds has every op.
var kinds = []kind{
	kindOf[PullImage]("pull_image", "pull"),
	kindOf[LoadImage]("load_image", "load"),
	kindOf[BuildImage]("build_image", "build"),
	kindOf[ImportImage]("import_image", "import"),
	kindOf[RegisterEmulator]("register_emulator", "register"),
	kindOf[TagImage]("tag_image", "tag"),
	kindOf[PushImage]("push_image", "push"),
	kindOf[RelabelImage]("relabel_image", "relabel"),
	kindOf[UntagImage]("untag_image", "untag"),
	kindOf[CreateContainer]("create_container", "create"),
	kindOf[StartTask]("start_task", "start"),
	kindOf[AwaitReady]("await_ready", "wait for"),
	kindOf[ClearPending]("clear_pending", "confirm"),
	kindOf[StopTask]("stop_task", "stop"),
	kindOf[PauseTask]("pause_task", "pause"),
	kindOf[ResumeTask]("resume_task", "resume"),
	kindOf[RelabelContainer]("relabel_container", "relabel"),
	kindOf[RemoveContainer]("remove_container", "remove"),
	kindOf[CheckUnmoved]("check_unmoved", "check"),
}
