package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/conf"
)

// repositoryFile is the config.yaml at the top of the repository.
func repositoryFile(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestConfigFileHoldsTheDefaults(t *testing.T) {
	var got Config // no defaults: whatever the file leaves out stays zero
	_, faults := conf.Decode(&got, conf.Source{File: "config.yaml", Data: repositoryFile(t)})
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	want := Default()
	for _, c := range []*Config{&got, &want} {
		emptyLists(reflect.ValueOf(c).Elem())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("config.yaml gives\n%+v\nand Default()\n%+v", got, want)
	}
}

// emptyLists makes nil slices of empty ones: a file cannot tell them apart.
func emptyLists(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			emptyLists(v.Field(i))
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
	default:
	}
}

func TestConfigFileMentionsEveryKey(t *testing.T) {
	text := string(repositoryFile(t))
	for _, key := range conf.Keys(Config{}) {
		name := key[strings.LastIndex(key, ".")+1:]
		if !regexp.MustCompile(`(?m)(^|[\s{#-])` + regexp.QuoteMeta(strings.TrimSuffix(name, "[]")) + `(_file)?:`).MatchString(text) {
			t.Errorf("config.yaml does not mention %s", key)
		}
	}
}

func TestConfigFileHasNoUserHashOrKey(t *testing.T) {
	_, faults := conf.Decode(new(Config), conf.Source{File: "config.yaml", Data: repositoryFile(t)})
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(repositoryFile(t)), "\n") {
		if strings.Contains(line, "$2") || strings.Contains(line, "$argon2") {
			t.Errorf("config.yaml holds a hash: %s", line)
		}
	}
}
