package main

import (
	"fmt"
	"io"
	"strings"
)

// zshHead finds the command that was typed so far, and the flag whose value is
// being typed.
const zshHead = `#compdef tollgate
_tollgate() {
    local at=tollgate flag="" word i
    local -a takes known commands flags values
    local file=""
`

const zshWalk = `    for ((i = 2; i < CURRENT; i++)); do
        word="${words[i]}"
        if [[ -n $flag ]]; then
            flag=""
        elif (( ${takes[(Ie)$word]} )); then
            flag="$word"
        elif [[ $word != -* ]] && (( ${known[(Ie)$at $word]} )); then
            at="$at $word"
        fi
    done
    if [[ -z $flag && $PREFIX == --*=* ]]; then
        flag="${PREFIX%%=*}"
        compset -P '*='
    fi
    if [[ -n $flag ]]; then
        case "$at $flag" in
`

const zshTail = `    esac
    if [[ $PREFIX == -* ]] || (( $#commands + $#values == 0 )); then
        _describe -o flag flags
    else
        (( $#commands )) && _describe command commands
        (( $#values )) && compadd -a values
    fi
}
if [[ "${funcstack[1]}" == _tollgate ]]; then
    _tollgate "$@"
else
    compdef _tollgate tollgate
fi
`

// writeZsh prints the script for zsh.
func writeZsh(w io.Writer, nodes []completionNode) error {
	var b strings.Builder
	fmt.Fprintf(&b, "    takes=(%s)\n    known=(%s)\n", quoteEach(takers(nodes)), quoteEach(paths(nodes)))
	b.WriteString(zshWalk)
	for _, n := range nodes {
		for _, f := range n.flags {
			switch {
			case len(f.values) > 0:
				fmt.Fprintf(&b, "        '%s %s') values=(%s) ;;\n", n.path, f.text, quoteEach(f.values))
			case f.file:
				fmt.Fprintf(&b, "        '%s %s') file=1 ;;\n", n.path, f.text)
			}
		}
	}
	b.WriteString("        esac\n        if [[ -n $file ]]; then _files; else compadd -a values; fi\n        return\n    fi\n    case \"$at\" in\n")
	for _, n := range nodes {
		fmt.Fprintf(&b, "    '%s')\n        commands=(%s)\n        flags=(%s)\n        values=(%s) ;;\n",
			n.path, zshDescribed(n.commands), zshDescribed(n.flags), zshValues(n.values))
	}
	return writeAll(w, zshHead, b.String(), zshTail)
}

// zshDescribed writes words with their help behind a colon.
func zshDescribed(words []completionWord) string {
	if len(words) == 0 {
		return ""
	}
	all := make([]string, 0, len(words))
	for _, w := range words {
		all = append(all, w.text+":"+w.help)
	}
	return quoteEach(all)
}

func zshValues(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return quoteEach(values)
}
