package payload

import (
	"crypto/subtle"
	"hash"
	"slices"

	"tollgate/proxy/sigv4"
)

// sums computes the checksums that a body has to have. The zero sums demands
// none.
type sums struct {
	running []sum
	want    []Checksum
	buf     [64]byte // what check computes, so that it allocates nothing
}

type sum struct {
	algorithm Algorithm
	hash      hash.Hash
}

// run starts computing the checksum of an algorithm, once.
func (s *sums) run(a Algorithm) error {
	if slices.ContainsFunc(s.running, func(r sum) bool { return r.algorithm == a }) {
		return nil
	}
	h := a.newHash()
	if h == nil {
		return errAlgorithm
	}
	s.running = append(s.running, sum{algorithm: a, hash: h})
	return nil
}

// demand adds checksums that the body has to have. All have to be demanded
// before the first write, but for those of an algorithm that runs already.
func (s *sums) demand(checksums []Checksum) error {
	for _, c := range checksums {
		if err := s.run(c.Algorithm); err != nil {
			return err
		}
		s.want = append(s.want, c)
	}
	return nil
}

func (s *sums) write(p []byte) {
	for _, r := range s.running {
		_, _ = r.hash.Write(p) // a hash.Hash never fails
	}
}

// check returns ErrChecksum unless every demanded checksum is the body's, in
// the words of S3.
func (s *sums) check() error {
	for _, c := range s.want {
		i := slices.IndexFunc(s.running, func(r sum) bool { return r.algorithm == c.Algorithm })
		if i < 0 {
			return errAlgorithm
		}
		if subtle.ConstantTimeCompare(s.running[i].hash.Sum(s.buf[:0]), c.Value) != 1 {
			return sigv4.Faultf(ErrChecksum, "The %s you specified did not match the calculated checksum.", c.Algorithm)
		}
	}
	return nil
}
