package accesslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/metrics/accesslog"
)

// TestApplicationLogHidesTokens: whatever an error quotes.
func TestApplicationLogHidesTokens(t *testing.T) {
	const own = "tgt_0123456789ABCDEFGHIJKLMNOPQ012345"
	var out bytes.Buffer
	log := accesslog.NewApplication(zapcore.AddSync(&out), zapcore.InfoLevel)
	log.Warn("read "+own, zap.Error(errors.New("at "+own)), zap.String("id", "1234567890123456789012"))
	got := fields(t, out.String())
	if got["msg"] != "read ***" || got["error"] != "at ***" || got["id"] != "1234567890123456789012" {
		t.Errorf("got %v", got)
	}
	if written := line(t, &accesslog.Entry{Path: "/x/" + own, UserAgent: own, Error: own}); strings.Contains(written, "tgt_") {
		t.Errorf("a token in %s", written)
	}
}

func TestApplicationLog(t *testing.T) {
	var out bytes.Buffer
	log := accesslog.NewApplication(zapcore.AddSync(&out), zapcore.InfoLevel)
	log.Debug("left out")
	before := time.Now().UTC().Truncate(time.Millisecond)
	log.Named("store").Warn("two\nlines", zap.Duration("took", 1500*time.Millisecond), zap.Error(errors.New("no room")),
		zap.Time("at", time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", -7200))))
	got := fields(t, out.String())
	ts, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(got["ts"]))
	if err != nil || ts.Before(before) {
		t.Errorf("ts is %v (%v), want about %v", got["ts"], err, before)
	}
	delete(got, "ts")
	want := map[string]any{"level": "warn", "logger": "store", "msg": "two\nlines", "took": 1.5, "error": "no room", "at": "2026-01-02T05:04:05.006Z"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTimeHasMillisecondsInOtherEncodersToo(t *testing.T) {
	var out bytes.Buffer
	log := accesslog.NewApplication(zapcore.AddSync(&out), zapcore.InfoLevel)
	log.Info("x", zap.Times("at", []time.Time{time.Unix(1, 0)}))
	if !strings.Contains(out.String(), `["1970-01-01T00:00:01.000Z"]`) {
		t.Errorf("got %s", out.String())
	}
}
