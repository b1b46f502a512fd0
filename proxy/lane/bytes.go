package lane

// Classes of bytes in a head.
const (
	inToken     = 1 << iota // RFC 9110, 5.6.2: names of fields
	isUpper                 // letters, which canonical names have in certain places
	isLower                 //
	inTarget                // visible ASCII but '#', which no target holds (RFC 9112, 3.2)
	inPlainPath             // what net/url leaves as it is in a path, in both directions
)

var byteClasses = classify()

func classify() (classes [256]uint8) {
	for c := 0x21; c < 0x7f; c++ {
		classes[c] = inTarget
	}
	classes['#'] = 0
	mark := func(class uint8, set string) {
		for _, c := range []byte(set) {
			classes[c] |= class
		}
	}
	const (
		upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		lower  = "abcdefghijklmnopqrstuvwxyz"
		digits = "0123456789"
	)
	mark(isUpper, upper)
	mark(isLower, lower)
	mark(inToken, upper+lower+digits+"!#$%&'*+-.^_`|~")
	mark(inPlainPath, upper+lower+digits+"-._~$&+,/:;=@")
	return classes
}
