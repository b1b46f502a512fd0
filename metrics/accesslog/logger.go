package accesslog

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Logger writes one line for each request. New makes it. It is safe for
// concurrent use.
type Logger struct {
	core   zapcore.Core
	buffer *Buffer
	fields sync.Pool // of *[]zapcore.Field, each for one line
}

// New returns a logger that writes to w, through a Buffer of 256 KiB that is
// flushed once a second. Answers below 400 are lines of level info, refusals
// warn, from 500 on error; lines below the given level are left out. Whoever
// makes the logger closes it, and then w.
func New(w zapcore.WriteSyncer, level zapcore.LevelEnabler) *Logger {
	b := NewBuffer(w, bufferSize, flushInterval)
	return &Logger{
		core:   zapcore.NewCore(zapcore.NewJSONEncoder(encoding()), b, level),
		buffer: b,
		fields: sync.Pool{New: func() any { return &[]zapcore.Field{{}} }},
	}
}

// Log writes the line of a request. It does not keep e. What the sink cannot
// take is counted by Lost and said by Sync.
func (l *Logger) Log(e *Entry) {
	level := e.level()
	if !l.core.Enabled(level) {
		return
	}
	fields, _ := l.fields.Get().(*[]zapcore.Field)
	(*fields)[0] = zap.Inline(e)
	_ = l.core.Write(zapcore.Entry{Level: level, Time: e.Time, Message: "request"}, *fields)
	(*fields)[0] = zapcore.Field{}
	l.fields.Put(fields)
}

// Sync writes all lines that wait.
func (l *Logger) Sync() error { return l.buffer.Sync() }

// Close writes all lines that wait and ends the flushing in the background.
// Lines that come later are written at once.
func (l *Logger) Close() error { return l.buffer.Close() }

// Lost returns the number of lines that were lost because the sink failed and
// the buffer was full, and the error if the sink fails now.
func (l *Logger) Lost() (uint64, error) { return l.buffer.Lost() }

// NewApplication returns the logger for what is not a request: starts, ends,
// reloads, faults. It writes JSON with the time under ts as the access log
// does, unbuffered, so that the last words of a crash are seen. Of durations
// the unit is the second. The level may be a zap.AtomicLevel.
func NewApplication(w zapcore.WriteSyncer, level zapcore.LevelEnabler) *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoding()), zapcore.Lock(w), level))
}

// encoding is what both logs have in common.
func encoding() zapcore.EncoderConfig {
	return zapcore.EncoderConfig{
		TimeKey:        "ts",
		LevelKey:       "level",
		NameKey:        "logger",
		MessageKey:     "msg",
		StacktraceKey:  "stack",
		EncodeTime:     encodeTime,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.SecondsDurationEncoder,
		LineEnding:     "\n",
	}
}

// encodeTime writes RFC 3339 in UTC with milliseconds, always as many digits,
// so that lines sort by their text.
func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	const layout = "2006-01-02T15:04:05.000Z07:00"
	t = t.UTC()
	if fast, ok := enc.(interface{ AppendTimeLayout(time.Time, string) }); ok {
		fast.AppendTimeLayout(t, layout)
		return
	}
	enc.AppendString(t.Format(layout))
}
