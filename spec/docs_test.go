package spec

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/language.md has a row for each attribute of each block, and names each function.
func TestDocsNameEverything(t *testing.T) {
	b, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	var title string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "##") {
			title = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
		sections[title] += line
	}
	schemas := map[string]*schema{
		"stack": stackSchema, "variable": variableSchema, "output": outputSchema, "registry": registrySchema, "import": importSchema,
		"build": buildSchema, "build secret": buildSecretSchema, "config": configSchema, "mount": mountSchema, "security": securitySchema, "update": updateSchema, "lifecycle": lifecycleSchema,
	}
	for _, k := range kinds {
		schemas[string(k.name)] = k.schema
	}
	for section, schema := range schemas {
		for _, a := range schema.names() {
			if !strings.Contains(sections[section], "\n| `"+a+"` |") {
				t.Errorf("the section %s has no row for %s", section, a)
			}
		}
	}
	for name := range functions(newReads(base{}, untrusted), nil, &budget{limits: untrusted}) {
		if !strings.Contains(sections["functions"], name) {
			t.Errorf("the section functions does not name %s", name)
		}
		if _, isPure := pure[name]; !isPure && !slices.Contains(hostFunctions, name) {
			t.Errorf("%s is in no list that suggestions are made from", name)
		}
	}
}
