package main

import (
	"fmt"
	"io"
	"strings"
)

// fishWalk says whether the command that was typed so far is a certain one.
const fishWalk = `function __tollgate_at
    set -l at tollgate
    set -l flag
    set -l typed (commandline -opc)
    for word in $typed[2..-1]
        if test -n "$flag"
            set flag
        else if contains -- $word $__tollgate_takes
            set flag $word
        else if contains -- "$at $word" $__tollgate_known
            set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c tollgate -f
`

// writeFish prints the script for fish.
func writeFish(w io.Writer, nodes []completionNode) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for tollgate\nset -g __tollgate_takes %s\nset -g __tollgate_known %s\n", quoteEach(takers(nodes)), quoteEach(paths(nodes)))
	b.WriteString(fishWalk)
	for _, n := range nodes {
		at := fmt.Sprintf("complete -c tollgate -n \"__tollgate_at '%s'\"", n.path)
		for _, c := range n.commands {
			fmt.Fprintf(&b, "%s -a '%s' -d '%s'\n", at, c.text, c.help)
		}
		for _, v := range n.values {
			fmt.Fprintf(&b, "%s -a '%s'\n", at, v)
		}
		for _, f := range n.flags {
			fmt.Fprintf(&b, "%s %s -d '%s'\n", at, fishFlag(f), f.help)
		}
	}
	return writeAll(w, b.String())
}

// fishFlag writes a flag as complete takes it.
func fishFlag(f completionWord) string {
	text := "-s " + strings.TrimPrefix(f.text, "-")
	if long, ok := strings.CutPrefix(f.text, "--"); ok {
		text = "-l " + long
	}
	switch {
	case len(f.values) > 0:
		text += " -x -a '" + strings.Join(f.values, " ") + "'"
	case f.file:
		text += " -r -F"
	case f.takes:
		text += " -x"
	}
	return text
}
