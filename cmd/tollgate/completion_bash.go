package main

import (
	"fmt"
	"io"
	"strings"
)

// bashHead finds the command that was typed so far, and the flag whose value is
// being typed. Bash splits words at =.
const bashHead = `# bash completion for tollgate
_tollgate() {
    local cur="${COMP_WORDS[COMP_CWORD]}" at=tollgate flag="" word i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if [[ -n $flag ]]; then
            [[ $word == "=" ]] || flag=""
            continue
        fi
        if _tollgate_takes "$word"; then
            flag="$word"
        elif [[ $word != -* ]] && _tollgate_is "$at $word"; then
            at="$at $word"
        fi
    done
    [[ $cur == "=" ]] && cur=""
    local words="" file=""
    if [[ -n $flag ]]; then
        _tollgate_values "$at" "$flag"
    else
        _tollgate_words "$at"
    fi
    if [[ -n $file ]]; then
        local IFS=$'\n'
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
    fi
}
`

// writeBash prints the script for bash, from version 3.2 on.
func writeBash(w io.Writer, nodes []completionNode) error {
	var b strings.Builder
	b.WriteString(bashHead)
	bashTest(&b, "_tollgate_takes", takers(nodes))
	bashTest(&b, "_tollgate_is", paths(nodes))
	b.WriteString("_tollgate_words() {\n    case \"$1\" in\n")
	for _, n := range nodes {
		words := append(texts(n.commands), n.values...)
		fmt.Fprintf(&b, "    '%s') words='%s' ;;\n", n.path, strings.Join(append(words, texts(n.flags)...), " "))
	}
	b.WriteString("    esac\n    local others=\" $words\"\n    others=\"${others%% -*}\"\n    [[ $cur == -* || -z $others ]] || words=\"$others\"\n}\n")
	b.WriteString("_tollgate_values() {\n    case \"$1 $2\" in\n")
	for _, n := range nodes {
		for _, f := range n.flags {
			switch {
			case len(f.values) > 0:
				fmt.Fprintf(&b, "    '%s %s') words='%s' ;;\n", n.path, f.text, strings.Join(f.values, " "))
			case f.file:
				fmt.Fprintf(&b, "    '%s %s') file=1 ;;\n", n.path, f.text)
			}
		}
	}
	b.WriteString("    esac\n}\n")
	return writeAll(w, b.String(), "complete -F _tollgate tollgate\n")
}

// bashTest writes a function that says whether its argument is one of several.
func bashTest(b *strings.Builder, name string, accepted []string) {
	fmt.Fprintf(b, "%s() {\n    case \"$1\" in\n    '%s') return 0 ;;\n    esac\n    return 1\n}\n", name, strings.Join(accepted, "' | '"))
}
