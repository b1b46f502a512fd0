package accounts_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// crowd is a directory of 10,000 users and 1,000 tenants.
func crowd() *accounts.Directory {
	var cfg accounts.Config
	for i := range 1000 {
		cfg.Tenants = append(cfg.Tenants, accounts.TenantConfig{
			Name:    fmt.Sprintf("t%d", i),
			Domains: []string{fmt.Sprintf("d%d.example.com", i), fmt.Sprintf("*.d%d.example.com", i)},
		})
	}
	for i := range 10_000 {
		cfg.Users = append(cfg.Users, accounts.UserConfig{Name: fmt.Sprintf("user%d", i), PasswordHash: bcrypt2y})
	}
	return accounts.NewDirectory(cfg, nil, nil)
}

func BenchmarkLookup(b *testing.B) {
	d := crowd()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := d.Lookup("user7777"); !ok {
			b.Fatal("no such user")
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	d := crowd()
	for name, host := range map[string]string{
		"exact": "d777.example.com", "port": "d777.example.com:8080", "suffix": "a.b.c.d777.example.com", "upper": "D777.example.com",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, ok := d.Place(host); !ok || p.Scope.Tenant != "t777" {
					b.Fatalf("%+v", p)
				}
			}
		})
	}
}

func BenchmarkRememberedCheck(b *testing.B) {
	d := crowd()
	g := accounts.NewGate(time.Now, rand.Reader, accounts.Limits{Remember: time.Hour})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Check(b.Context(), d, "user7777", horse); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRememberedCheckParallel(b *testing.B) {
	d := crowd()
	g := accounts.NewGate(time.Now, rand.Reader, accounts.Limits{Remember: time.Hour})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := g.Check(b.Context(), d, "user7777", horse); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkVerifyHash(b *testing.B) {
	for name, hash := range map[string]tokens.Secret{"argon2id": argonOpenSSL, "bcrypt4": bcrypt2y} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := accounts.VerifyHash(hash, horse); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewDirectory(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := crowd().Lookup("user0"); !ok {
			b.Fatal("no such user")
		}
	}
}
