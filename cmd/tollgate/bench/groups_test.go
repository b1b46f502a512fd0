package main

import (
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

// someGateways are gateways of which none runs.
func someGateways() gateways {
	checks := way{carry: bearer("right"), wrong: bearer(wrongToken), address: "127.0.0.1:1"}
	named := func(name string) way { return checks.at(name, checks.address, nil) }
	return gateways{
		backend: way{name: rowBackend}, proxy: way{name: rowProxy},
		peers: peers{
			plain: way{name: rowNginx}, big: way{name: rowNginxBig}, unbuffered: way{name: rowNginxUnbuffered},
			checking: named(rowAuthRequest), haproxy: named(rowHaproxy),
		},
		cookie: named(rowCookie), bearer: named(rowBearer), slow: named(rowSlow),
		signing: site{address: "127.0.0.1:2", internal: "127.0.0.1:3", signer: signerOf("KEY", tokens.Secret("s"))},
	}
}

func TestGroupsCompareWhatBelongsTogether(t *testing.T) {
	t.Parallel()
	g := someGateways()
	groups, err := g.groups(settings{conns: 64, size: 1024, sizes: []int{100, 1024, 64 << 10, 16 << 20}, upload: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	small := []string{rowBackend, rowNginx, rowHaproxy, rowAuthRequest, rowSlow, rowCookie, rowBearer}
	large := slices.Insert(slices.Clone(small), 2, rowNginxBig)
	want := []struct {
		name, reference string
		conns           int
		rows            []string
	}{
		{"GET 100 B", rowNginx, 64, small},
		{"GET 1 KiB", rowNginx, 64, slices.Insert(slices.Clone(small), 4, rowProxy, rowSigned)},
		{"GET 64 KiB", rowNginx, 64, large},
		{"GET 16 MiB", rowNginx, proxiedLargeConns, large},
		{"PUT 16 MiB", rowNginxUnbuffered, proxiedLargeConns, []string{rowBackend, rowNginxUnbuffered, rowSlow, rowBearer}},
	}
	if len(groups) != len(want) {
		t.Fatalf("%d groups", len(groups))
	}
	for i, w := range want {
		got := groups[i]
		if got.table.Name != w.name || got.table.Reference != w.reference || !slices.Equal(got.table.names, w.rows) {
			t.Errorf("group %d is %s by %s of %q", i, got.table.Name, got.table.Reference, got.table.names)
		}
		if !slices.Contains(got.table.names, got.table.Reference) {
			t.Errorf("%s has no %s", w.name, w.reference)
		}
		for j, r := range got.rows {
			if r.name != got.table.names[j] || r.conns != w.conns || r.rate != 0 {
				t.Errorf("%s: row %d is %+v", w.name, j, r)
			}
		}
	}
}

func TestRowsAskForTheirSize(t *testing.T) {
	t.Parallel()
	w := someGateways().bearer
	get, put := w.get(77), w.put(88)
	if get.size != 77 || get.body != 0 || !strings.HasPrefix(string(get.request), "GET /bucket/77 HTTP/1.1\r\n") {
		t.Errorf("a GET is %+v: %s", get, get.request)
	}
	if put.size != 0 || put.body != 88 || !strings.HasPrefix(string(put.request), "PUT /bucket/0 HTTP/1.1\r\n") {
		t.Errorf("a PUT is %+v: %s", put, put.request)
	}
	if !strings.Contains(string(put.request), "\r\nContent-Length: 88\r\n") {
		t.Errorf("a PUT is %s", put.request)
	}
	for _, r := range []row{get, put} {
		if !strings.Contains(string(r.request), "\r\nAuthorization: Bearer right\r\n") || !strings.HasSuffix(string(r.request), "\r\n\r\n") {
			t.Errorf("got %s", r.request)
		}
	}
	if !strings.Contains(string(get.refuses), "Bearer "+wrongToken) {
		t.Errorf("refused is %s", get.refuses)
	}
	if r := someGateways().backend.get(1); r.refuses != nil {
		t.Errorf("the backend refuses %s", r.refuses)
	}
}

func TestEvenLoadIsThatOfTheSlowest(t *testing.T) {
	t.Parallel()
	g := someGateways()
	measured := newTable("GET 1 KiB", rowNginx)
	for name, rate := range map[string]float64{rowNginx: 1000, rowCookie: 900, rowBearer: 800, rowSlow: 100, rowHaproxy: 1} {
		measured.add(name, cell{Rate: rate})
	}
	even := g.even(settings{conns: 64, size: 1024}, measured)
	if even.table.Name != "GET 1 KiB, 560 requests a second" || even.table.Reference != rowNginx {
		t.Errorf("it is %s by %s", even.table.Name, even.table.Reference)
	}
	if !slices.Equal(even.table.names, []string{rowNginx, rowCookie, rowBearer}) {
		t.Errorf("it is for %q", even.table.names)
	}
	for _, r := range even.rows {
		if r.rate < 559.9 || r.rate > 560.1 || r.conns != 64 {
			t.Errorf("%s is %v on %d connections", r.name, r.rate, r.conns)
		}
	}
}

func TestSignedRowIsSignedAnew(t *testing.T) {
	t.Parallel()
	g := someGateways()
	r, err := g.signed(1024)
	if err != nil {
		t.Fatal(err)
	}
	if r.size != 1024 || r.internal != "127.0.0.1:3" || r.sign == nil || r.refusal != 403 {
		t.Errorf("got %+v", r)
	}
	one, err := r.sign(signedAt)
	if err != nil {
		t.Fatal(err)
	}
	other, err := r.sign(signedAt.Add(60e9))
	if err != nil || string(one) == string(other) || !strings.HasPrefix(string(one), "GET /"+bucket+"/1024 HTTP/1.1\r\n") {
		t.Errorf("got %s and %s, %v", one, other, err)
	}
}

func TestTheFirstRowOfAGrowingGroupIsItsReference(t *testing.T) {
	t.Parallel()
	g := newGroup("x", "", 1)
	g.join(row{name: "a"})
	g.join(row{name: "b"})
	if g.table.Reference != "a" || !slices.Equal(g.table.names, []string{"a", "b"}) || len(g.rows) != 2 {
		t.Errorf("got %+v", g.table)
	}
}
