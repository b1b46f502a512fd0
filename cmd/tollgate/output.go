package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// field is one line of what is said about something.
type field struct{ name, value string }

// fieldWidth is the width of the longest name of a field.
const fieldWidth = 11

// printFields prints one field a line.
func printFields(w io.Writer, fields []field) error {
	for _, f := range fields {
		if _, err := fmt.Fprintf(w, "%-*s %s\n", fieldWidth, f.name, printable(f.value)); err != nil {
			return err
		}
	}
	return nil
}

// printTable prints rows in columns, the first of which are the headings. An
// empty cell is a -, so that programs can count columns.
func printTable(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = printable(cell); cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

// printable returns a text as it is if it can be shown in one line, and quoted
// where it has what would move the cursor of a terminal, turn the direction of
// writing round or break a table. What begins with a quotation mark is quoted
// too, so that no text can be taken for another.
func printable(s string) string {
	odd := func(r rune) bool { return !strconv.IsPrint(r) || r == '\uFFFD' }
	if strings.HasPrefix(s, `"`) || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

// printJSON prints a value over several lines.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
