package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCommand prints scripts that are made from the model that the
// command line is parsed by, so that they know what it knows.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell: ${enum}."`
}

// Help says how to put the script in force.
func (completionCommand) Help() string {
	return `To try it:
  bash: source <(tollgate completion bash)
  zsh:  source <(tollgate completion zsh)
  fish: tollgate completion fish | source

To keep it:
  bash: tollgate completion bash > ~/.local/share/bash-completion/completions/tollgate
  zsh:  tollgate completion zsh > a file _tollgate in a folder of $fpath
  fish: tollgate completion fish > ~/.config/fish/completions/tollgate.fish`
}

// Run prints the script.
func (c *completionCommand) Run(k *kong.Context, p Process) error {
	nodes := completionNodes(k.Model.Node)
	switch c.Shell {
	case "bash":
		return writeBash(p.Stdout, nodes)
	case "zsh":
		return writeZsh(p.Stdout, nodes)
	case "fish":
		return writeFish(p.Stdout, nodes)
	}
	return &usageError{fmt.Sprintf("the shell was read as %q, accepted are bash, zsh and fish", c.Shell)}
}

// completionNode is a command with what can follow it.
type completionNode struct {
	path     string // all words, that of the program first
	commands []completionWord
	flags    []completionWord
	values   []string // of its argument, if that is from a closed set
}

// completionWord is a word that can be typed.
type completionWord struct {
	text   string
	help   string
	takes  bool     // a value follows
	values []string // if that is from a closed set
	file   bool     // the value is the name of a file
}

// completionNodes returns a node and all below it, each before its own.
func completionNodes(n *kong.Node) []completionNode {
	node := completionNode{path: commandPath(n)}
	for _, child := range n.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			node.commands = append(node.commands, completionWord{text: child.Name, help: firstSentence(child.Help)})
		}
	}
	for _, group := range n.AllFlags(true) {
		for _, flag := range group {
			node.flags = append(node.flags, flagWords(flag)...)
		}
	}
	if len(n.Positional) > 0 {
		node.values = valuesOf(n.Positional[0])
	}
	all := []completionNode{node}
	for _, child := range n.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			all = append(all, completionNodes(child)...)
		}
	}
	return all
}

func commandPath(n *kong.Node) string {
	if n.Parent == nil {
		return n.Name
	}
	return commandPath(n.Parent) + " " + n.Name
}

// flagWords returns the spellings of a flag.
func flagWords(flag *kong.Flag) []completionWord {
	word := completionWord{
		text: "--" + flag.Name, help: firstSentence(flag.Help), takes: !flag.IsBool() && !flag.IsCounter(),
		values: valuesOf(flag.Value), file: flag.PlaceHolder == "FILE",
	}
	words := []completionWord{word}
	if flag.Tag != nil && flag.Tag.Negatable != "" {
		words = append(words, completionWord{text: "--no-" + flag.Name, help: word.help})
	}
	if flag.Short != 0 {
		word.text = "-" + string(flag.Short)
		words = append(words, word)
	}
	return words
}

// valuesOf returns the closed set that a value is from; nil = it is from none.
func valuesOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return slices.DeleteFunc(v.EnumSlice(), func(s string) bool { return s == "" })
}

// firstSentence is as much help as fits beside a word, without what a shell
// would take for a quotation mark.
func firstSentence(help string) string {
	for _, end := range []string{". ", "; ", ": ", " ("} {
		help, _, _ = strings.Cut(help, end)
	}
	return strings.ReplaceAll(strings.TrimSuffix(help, "."), "'", "’")
}

// takers returns every flag that a value follows. A flag of that name takes
// one in each command that has it.
func takers(nodes []completionNode) []string {
	var all []string
	for _, n := range nodes {
		for _, f := range n.flags {
			if f.takes {
				all = append(all, f.text)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// paths returns the path of every node but the first, which is the program.
func paths(nodes []completionNode) []string {
	all := make([]string, 0, len(nodes))
	for _, n := range nodes[1:] {
		all = append(all, n.path)
	}
	return all
}

func texts(words []completionWord) []string {
	all := make([]string, 0, len(words))
	for _, w := range words {
		all = append(all, w.text)
	}
	return all
}

// quoteEach quotes words for a shell. None of them has a quotation mark.
func quoteEach(words []string) string { return "'" + strings.Join(words, "' '") + "'" }

func writeAll(w io.Writer, parts ...string) error {
	_, err := io.WriteString(w, strings.Join(parts, ""))
	return err
}
