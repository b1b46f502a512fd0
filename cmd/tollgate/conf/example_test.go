package conf_test

import (
	"fmt"
	"os"
	"time"

	"tollgate/cmd/tollgate/conf"
	"tollgate/tokens"
)

// server is a configuration with defaults and a check of its own.
type server struct {
	Listen  string        `yaml:"listen"`
	Timeout time.Duration `yaml:"timeout"`
	Key     tokens.Secret `yaml:"key"`
	Allow   []string      `yaml:"allow"`
}

func (s server) validate(report func(path, message string)) {
	if s.Timeout <= 0 {
		report("timeout", "must be more than 0s")
	}
	for i, name := range s.Allow {
		if name == "root" {
			report(fmt.Sprintf("allow[%d]", i), "root is never allowed")
		}
	}
}

func ExampleDecode() {
	cfg := server{Listen: ":80", Timeout: time.Minute}
	_, faults := conf.Decode(&cfg, conf.Source{
		File:    "server.yaml",
		Data:    []byte("listen: :8080\nkey: swordfish\n"),
		Environ: []string{"SERVER_TIMEOUT=2d", "SERVER_ALLOW=[ann, bob]"},
		Prefix:  "SERVER_",
	})
	fmt.Println(faults.Err(), cfg.Listen, cfg.Timeout, cfg.Allow, cfg.Key)
	// Output: <nil> :8080 48h0m0s [ann bob] ***
}

func ExampleDecode_faults() {
	var cfg server
	_, faults := conf.Decode(&cfg, conf.Source{
		File:    "server.yaml",
		Data:    []byte("lisen: :8080\ntimeout: [1s]\nkey_file: /nowhere/key\n"),
		Environ: []string{"SERVER_TIMOUT=1s"},
		Prefix:  "SERVER_",
	})
	fmt.Println(faults)
	// Output:
	// environment SERVER_TIMOUT: unknown variable (did you mean "SERVER_TIMEOUT"?)
	// server.yaml:1: lisen: unknown key (did you mean "listen"?)
	// server.yaml:2: timeout: expected a duration like 30s, got a list
	// server.yaml:3: key_file: cannot read /nowhere/key: no such file or directory
}

func ExampleOrigins_Report() {
	var cfg server
	origins, faults := conf.Decode(&cfg, conf.Source{
		File:    "server.yaml",
		Data:    []byte("timeout: 0s\nallow:\n  - ann\n  - root\n"),
		Environ: []string{"SERVER_LISTEN=:1"},
		Prefix:  "SERVER_",
	})
	cfg.validate(origins.Report(&faults))
	faults.Sort()
	fmt.Println(faults)
	// Output:
	// server.yaml:1: timeout: must be more than 0s
	// server.yaml:4: allow[1]: root is never allowed
}

func ExamplePrint() {
	cfg := server{Listen: ":80", Timeout: 36 * time.Hour, Key: "swordfish", Allow: []string{"ann", "no one"}}
	if err := conf.Print(os.Stdout, cfg); err != nil {
		fmt.Println(err)
	}
	// Output:
	// listen: :80
	// timeout: 36h
	// key: '***'
	// allow: [ann, no one]
}

func ExampleKeys() {
	fmt.Println(conf.Keys(struct {
		Server  server   `yaml:"server"`
		Mirrors []server `yaml:"mirrors"`
	}{}))
	// Output: [server.listen server.timeout server.key server.allow mirrors[].listen mirrors[].timeout mirrors[].key mirrors[].allow]
}
