package accounts

// NormalHost returns the value of a Host header in the one form in which
// hosts are compared: port and trailing dot off, lower case. What is no host
// gives the empty string.
func NormalHost(host string) string {
	normal, ok := normalHost(host)
	if !ok {
		return ""
	}
	return normal
}
