package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set when a release is built, by -ldflags "-X main.release=v1.2.3".
var release = "dev"

// version tells what this binary is.
func (p *program) version() *cobra.Command {
	asJSON := false
	c := &cobra.Command{Use: "version", Short: "Tell what this binary is", Args: exactly(0), RunE: func(*cobra.Command, []string) error {
		v := struct {
			Version string `json:"version"`
			Go      string `json:"go"`
			System  string `json:"system"`
			Commit  string `json:"commit,omitempty"`
		}{Version: release, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					v.Commit = s.Value
				}
			}
		}
		if asJSON {
			return json.NewEncoder(p.stdout).Encode(v)
		}
		_, err := fmt.Fprintf(p.stdout, "kelisim %s, %s, %s\n", v.Version, v.Go, v.System)
		return err
	}}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}
