package accesslog

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Logger writes one line for each request. New makes it; the zero value
// writes nothing, as that of Nop. It is safe for concurrent use.
type Logger struct {
	level  zapcore.LevelEnabler
	buffer *Buffer   // nil = nothing is written
	lines  sync.Pool // of *line, each for one entry at a time
}

// New returns a logger that writes to w, through a Buffer of 256 KiB that is
// flushed once a second. Answers below 400 are lines of level info, refusals
// warn, from 500 on error; lines below the given level are left out. Whoever
// makes the logger closes it, and then w.
func New(w zapcore.WriteSyncer, level zapcore.LevelEnabler) *Logger {
	return &Logger{
		level:  level,
		buffer: NewBuffer(w, bufferSize, flushInterval),
		lines:  sync.Pool{New: func() any { return newLine() }},
	}
}

// Nop returns a logger that writes nothing and costs nothing: no line is put
// together. Its errors are nil, and it need not be closed.
func Nop() *Logger { return &Logger{} }

// Enabled reports whether Log would write the line of an answer with that
// status, so that the entry need not be filled when it would not.
func (l *Logger) Enabled(status int) bool {
	return l.buffer != nil && l.level.Enabled(levelOf(status))
}

// Log writes the line of a request. It does not keep e. What the sink cannot
// take is counted by Lost and said by Sync.
func (l *Logger) Log(e *Entry) {
	level := levelOf(e.Status)
	if l.buffer == nil || !l.level.Enabled(level) {
		return
	}
	text, _ := l.lines.Get().(*line)
	_, _ = l.buffer.Write(text.encode(e, level))
	l.lines.Put(text)
}

// Sync writes all lines that wait.
func (l *Logger) Sync() error {
	if l.buffer == nil {
		return nil
	}
	return l.buffer.Sync()
}

// Close writes all lines that wait and ends the flushing in the background.
// Lines that come later are written at once.
func (l *Logger) Close() error {
	if l.buffer == nil {
		return nil
	}
	return l.buffer.Close()
}

// Lost returns the number of lines that were lost because the sink failed and
// the buffer was full, and the error if the sink fails now.
func (l *Logger) Lost() (uint64, error) {
	if l.buffer == nil {
		return 0, nil
	}
	return l.buffer.Lost()
}

// NewApplication returns the logger for what is not a request: starts, ends,
// reloads, faults. It writes JSON with the time under ts as the access log
// does, unbuffered, so that the last words of a crash are seen. Of durations
// the unit is the second. The level may be a zap.AtomicLevel.
func NewApplication(w zapcore.WriteSyncer, level zapcore.LevelEnabler) *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoding()), zapcore.Lock(redacting{w}), level))
}

// redacting takes out of lines what must not be read, as is done with the
// fields of the access log.
type redacting struct{ zapcore.WriteSyncer }

// Write implements io.Writer. It never takes a part of a line alone.
func (r redacting) Write(p []byte) (int, error) {
	text := string(p)
	if clean := redact(text); clean != text {
		_, err := r.WriteSyncer.Write([]byte(clean))
		return len(p), err
	}
	return r.WriteSyncer.Write(p)
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
	const layout = secondLayout + ".000Z07:00"
	t = t.UTC()
	if fast, ok := enc.(interface{ AppendTimeLayout(time.Time, string) }); ok {
		fast.AppendTimeLayout(t, layout)
		return
	}
	enc.AppendString(t.Format(layout))
}
