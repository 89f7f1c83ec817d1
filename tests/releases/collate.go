// Reads [{template, messages}] and writes what Go's text/template makes of each, given what Ollama gives it.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type turn struct{ Role, Content string }

type job struct {
	Template string
	Messages []turn
}

func main() {
	var jobs []job
	if err := json.NewDecoder(os.Stdin).Decode(&jobs); err != nil {
		panic(err)
	}
	written := []string{}
	for _, one := range jobs {
		var system []string
		var turns []*turn
		for i := range one.Messages {
			found := &one.Messages[i]
			if found.Role == "system" {
				system = append(system, found.Content)
			}
			if last := len(turns) - 1; last >= 0 && turns[last].Role == found.Role {
				turns[last].Content += "\n\n" + found.Content
			} else {
				turns = append(turns, found)
			}
		}
		var out strings.Builder
		parsed := template.Must(template.New("").Option("missingkey=zero").Parse(one.Template))
		values := map[string]any{"System": strings.Join(system, "\n\n"), "Messages": turns}
		if err := parsed.Execute(&out, values); err != nil {
			panic(err)
		}
		written = append(written, out.String())
	}
	if err := json.NewEncoder(os.Stdout).Encode(written); err != nil {
		panic(err)
	}
}
