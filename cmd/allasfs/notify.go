package main

// This file tells systemd how a service of Type=notify is getting on (sd_notify(3)).

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// notifySystemd sends the assignments when systemd listens; otherwise it does nothing.
func notifySystemd(assignments ...string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"}) // "@name" is an abstract socket, as systemd writes it
	if err != nil {
		return fmt.Errorf("sd_notify: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(strings.Join(assignments, "\n"))); err != nil {
		return fmt.Errorf("sd_notify: %w", err)
	}
	return nil
}
