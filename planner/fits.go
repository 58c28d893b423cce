package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// canRun tells whether a new container can run with its image's config, and reports why not: the config is unusable, or arguments and
// environment are too large together with the container's. Where the config isn't known yet, the step that creates the container checks
// it, before anything is stopped.
func (pb *planBuilder) canRun(c *spec.Container, img *decision) bool {
	share := pb.configOf(c, img)
	at := c.AttrAt("image")
	switch {
	case share.Unfit != "":
		pb.fail(fault(at, "Image can't be run", "%s can't be created from the image %s: %s. Repair the image, or take another.", c.Addr, familiar(img.record), share.Unfit))
		return false
	case share.Defaults == nil:
		return true
	}
	env := maps.Clone(share.Defaults.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, c.Env)
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		pairs = append(pairs, k+"="+env[k])
	}
	args := c.Args(share.Defaults)
	text := spec.ProcessTrouble(args, pairs)
	if len(args) == 0 {
		text = "there is nothing to run: neither the image nor the block has a command; set command"
	}
	if user := share.Defaults.User; text == "" && c.User == "" && spec.UserTrouble(user) != "" {
		text = fmt.Sprintf("its user %q %s; set user", user, spec.UserTrouble(user))
	}
	if text != "" {
		pb.fail(fault(at, "Can't be started", "%s, from the image %s: %s.", c.Addr, familiar(img.record), text))
	}
	return text == ""
}

// configOf gives the config of the image that a container will have; an empty one where the image is still to be pulled or built.
func (pb *planBuilder) configOf(c *spec.Container, img *decision) ImageConfig {
	im := spec.As[*spec.Image](pb.blocks[c.Image.Addr])
	if im == nil || img.identity == "" {
		return ImageConfig{}
	}
	platform := cmp.Or(c.Platform, pb.have.Host.Platform)
	if src := pb.sources.Of(im); src != nil && src.Digest == img.identity && src.Configs != nil {
		return src.Configs[platform]
	}
	if rec := pb.have.Images[im.Name]; rec != nil && rec.Digest == img.identity {
		return rec.Configs[platform]
	}
	return ImageConfig{}
}
