// Loads a compose file as `docker compose` does, with compose-go: schema, interpolation, includes of anchors, consistency of what
// services name. Prints the services by profile; ends with 1 and the reason if Docker Compose would refuse the file.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := check(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check loads the file that is named first under each set of profiles (commas between their names) that follows.
func check(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: compose-go FILE PROFILES…; %q is no profile", "-")
	}
	for _, profiles := range args[1:] {
		var active []string
		if profiles != "-" {
			active = strings.Split(profiles, ",")
		}
		options, err := cli.NewProjectOptions(args[:1], cli.WithOsEnv, cli.WithProfiles(active))
		if err != nil {
			return err
		}
		project, err := options.LoadProject(context.Background())
		if err != nil {
			return err
		}
		names := project.ServiceNames()
		sort.Strings(names)
		fmt.Printf("%s: %s\n", profiles, strings.Join(names, " "))
	}
	return nil
}
