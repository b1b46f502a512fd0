package lane

import "time"

// TrustAtOnce makes the lane trust clients from the first wait on, for so long
// at a time. It must be called before the lane serves.
func (l *Lane) TrustAtOnce(glance time.Duration) { l.regular, l.glance = 1, glance }
