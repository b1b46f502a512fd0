package upstream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
)

// switchProtocols turns both connections into one, after the server agreed to
// the protocol asked for. It lasts until both sides have ended their half,
// one of them fails or the request's context ends; no timeout applies.
func (ex *exchange) switchProtocols(resp *http.Response) error {
	back, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		_ = resp.Body.Close()
		return fmt.Errorf("%w: status 101 on a connection that cannot be written to", ErrBadAnswer)
	}
	defer func() { _ = back.Close() }()
	agreed := resp.Header.Get("Upgrade")
	if ex.out.Upgrade == "" || !strings.EqualFold(agreed, ex.out.Upgrade) {
		return fmt.Errorf("%w: switched to protocol %q, asked for %q", ErrBadAnswer, agreed, ex.out.Upgrade)
	}
	removeHopByHop(resp.Header)
	if ex.out.Response != nil {
		ex.out.Response(resp.StatusCode, resp.Header)
	}
	front, buffered, err := http.NewResponseController(ex.w).Hijack()
	if err != nil {
		return fmt.Errorf("%w: take over the client's connection: %w", ErrClientGone, err)
	}
	defer func() { _ = front.Close() }()
	ex.report.Status = resp.StatusCode
	ex.endWatch()
	defer context.AfterFunc(ex.attempt.ctx, func() {
		_ = back.Close()
		_ = front.Close()
	})()
	if err := ex.sendSwitch(buffered.Writer, resp, agreed); err != nil {
		return fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	ex.splice(front, buffered.Reader, back)
	return nil
}

func (ex *exchange) sendSwitch(w *bufio.Writer, resp *http.Response, agreed string) error {
	h := ex.w.Header()
	maps.Copy(h, resp.Header)
	h["Connection"] = []string{"Upgrade"}
	h["Upgrade"] = []string{agreed}
	head := http.Response{StatusCode: resp.StatusCode, ProtoMajor: 1, ProtoMinor: 1, Header: h}
	if err := head.Write(w); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	return nil
}

// splice copies both ways. sent are the bytes that the client sent along with
// its request.
func (ex *exchange) splice(front net.Conn, sent *bufio.Reader, back io.ReadWriteCloser) {
	var both sync.WaitGroup
	both.Go(func() {
		rest := io.MultiReader(io.LimitReader(sent, int64(sent.Buffered())), front)
		if _, err := io.Copy(back, rest); err != nil || closeWrite(back) != nil {
			_ = back.Close()
			_ = front.Close()
		}
	})
	both.Go(func() {
		n, err := io.Copy(front, back)
		ex.report.Bytes = n
		if err != nil || closeWrite(front) != nil {
			_ = back.Close()
			_ = front.Close()
		}
	})
	both.Wait()
}

// closeWrite ends one half of a connection, or all of it where halves cannot
// be ended.
func closeWrite(c io.Closer) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return io.ErrClosedPipe
}
