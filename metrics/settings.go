package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// settings shows whether the configuration in force is the one that was last
// read, and how long the certificate lasts.
type settings struct {
	successful  prometheus.Gauge
	since       prometheus.Gauge
	succeeded   prometheus.Counter
	failed      prometheus.Counter
	certificate *prometheus.GaugeVec
}

func (s *settings) add(f factory) {
	s.successful = f.gauge("config_last_reload_successful",
		"1 if the configuration that was last read is in force, 0 if it had faults and an older one is.").WithLabelValues()
	s.since = f.gauge("config_last_reload_success_timestamp_seconds",
		"When the configuration in force was read.").WithLabelValues()
	reloads := f.counter("config_reloads_total", "Reloads of the configuration, by result.", "result")
	s.succeeded = reloads.WithLabelValues("success")
	s.failed = reloads.WithLabelValues("failure")
	s.certificate = f.gauge("tls_certificate_expiry_timestamp_seconds",
		"When the certificate of the public listener expires; absent without TLS.")
}

// ConfigLoaded says that the program started with a configuration read at
// that time.
func (m *Metrics) ConfigLoaded(at time.Time) {
	m.settings.successful.Set(1)
	m.settings.since.Set(unix(at))
}

// ConfigReloaded counts a reload whose configuration is in force since then.
func (m *Metrics) ConfigReloaded(at time.Time) {
	m.settings.succeeded.Inc()
	m.ConfigLoaded(at)
}

// ConfigReloadFailed counts a reload that found faults; the configuration in
// force is the one before.
func (m *Metrics) ConfigReloadFailed() {
	m.settings.failed.Inc()
	m.settings.successful.Set(0)
}

// CertificateLoaded says when the certificate that the public listener now
// shows expires. The zero time says that there is none.
func (m *Metrics) CertificateLoaded(expires time.Time) {
	if expires.IsZero() {
		m.settings.certificate.Reset()
		return
	}
	m.settings.certificate.WithLabelValues().Set(unix(expires))
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
