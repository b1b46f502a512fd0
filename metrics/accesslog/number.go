package accesslog

import (
	"strconv"
	"time"
)

// pairs holds the two digits of each number below 100.
const pairs = "" +
	"00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" +
	"40414243444546474849" + "50515253545556575859" + "60616263646566676869" + "70717273747576777879" +
	"80818283848586878889" + "90919293949596979899"

// appendInt is strconv.AppendInt, quicker for the three digits of a status.
func appendInt(b []byte, n int64) []byte {
	if n < 100 || n > 999 {
		return strconv.AppendInt(b, n, 10)
	}
	rest := n % 100 * 2
	return append(b, byte('0'+n/100), pairs[rest], pairs[rest+1])
}

// exactDigits is the first number of nanoseconds of which not all decimal
// digits are sure to survive in a float64.
const exactDigits = 1e15

// appendSeconds appends the shortest decimal that gives d.Seconds() when it
// is read. That is the decimal of the nanoseconds itself when it has at most
// 15 digits and d.Seconds() is the float64 next to it: it always is below a
// second, and above it may not be, because it rounds twice.
func appendSeconds(b []byte, d time.Duration) []byte {
	whole, seconds := d/time.Second, d.Seconds()
	switch {
	case d < 0 || d >= exactDigits || whole > 0 && seconds != float64(d)/1e9:
		return strconv.AppendFloat(b, seconds, 'f', -1, 64)
	case whole == 0:
		b = append(b, '0')
	default:
		b = strconv.AppendInt(b, int64(whole), 10)
	}
	if rest := d % time.Second; rest > 0 {
		return appendFraction(b, uint32(rest)) // #nosec G115 -- below 1e9
	}
	return b
}

// appendFraction appends the decimal point and the digits of a number of
// nanoseconds from one to below 1e9, less the zeros at the end.
func appendFraction(b []byte, nanos uint32) []byte {
	high, low := nanos/1e5, nanos%1e5 // four digits and five
	first, second := high/100*2, high%100*2
	third, fourth := low/1000*2, low/10%100*2
	b = append(b, '.', pairs[first], pairs[first+1], pairs[second], pairs[second+1],
		pairs[third], pairs[third+1], pairs[fourth], pairs[fourth+1], byte('0'+low%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}
