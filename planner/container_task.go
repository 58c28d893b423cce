package planner

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// motion is what a change does to a container's process.
type motion struct{ stop, start, resume, await, pause bool }

func (t motion) none() bool { return t == motion{} }

// transition gives what brings a container's process into the wanted state.
func transition(l *LiveContainer, want *spec.Container) motion {
	job := want.Ready == spec.ReadyCompleted
	up := l.Task.Up()
	switch want.State {
	case spec.StateStopped:
		return motion{stop: up}
	case spec.StatePaused:
		if l.Task.Status == TaskPaused {
			return motion{}
		}
		return motion{start: !up, await: !up, pause: true}
	}
	switch {
	case job && l.Completed && !up:
		return motion{}
	case job && l.Task.Status == TaskStopped && l.Task.ExitCode == 0:
		return motion{await: true} // it ended with 0 after the apply that started it was cut off
	case l.Task.Status == TaskPaused:
		return motion{resume: true, await: job && !l.Completed}
	case up:
		return motion{await: l.Pending || job && !l.Completed}
	}
	return motion{start: true, await: true}
}

// mayRun tells whether a container runs, or may run by the time that the plan is applied, as the restart monitor starts it.
func mayRun(l *LiveContainer, was *spec.Container) bool {
	return l.Task.Status != TaskNone && l.Task.Status != TaskStopped || was != nil && was.Restart.Policy != spec.RestartNo && was.Restart.Policy != ""
}

const stateDiffers = "state differs"

// withDriftReason replaces "state differs" by what happened to the process.
func withDriftReason(reasons []string, why string) []string {
	out := append([]string{}, reasons...)
	if i := slices.Index(out, stateDiffers); i >= 0 {
		out[i] = why
	}
	return out
}

// driftReason tells what a process does that isn't as it was asked for.
func driftReason(l *LiveContainer) string {
	switch l.Task.Status {
	case TaskRunning:
		return "its process runs"
	case TaskPaused:
		return "its process is paused"
	case TaskStopped:
		return exitText(l.Task)
	case TaskCreated:
		return "its process was made and never started"
	}
	return "its process is not there"
}

func exitText(t Task) string {
	s := fmt.Sprintf("its task ended with exit code %d", t.ExitCode)
	if !t.ExitedAt.IsZero() {
		s += " at " + t.ExitedAt.UTC().Format(time.DateTime)
	}
	return s
}
