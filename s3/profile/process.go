package profile

import (
	"bytes"
	"context"
	"os/exec"
	"time"
)

const (
	processLimit = time.Minute // for a credential_process, which may ask somebody
	processDelay = time.Second // for what holds its output open when it has ended
)

// fetch gets the keys of an entry that does not hold them itself.
func (c *candidate) fetch() error {
	switch {
	case c.process != "":
		c.Maker = "process " + c.process
		return c.run()
	case c.identity.tokenFile != "":
		c.Maker = "token " + c.identity.tokenFile + " for " + c.identity.role
		return c.exchange()
	}
	return nil
}

// run gets the keys of an entry that names a credential_process, as the AWS tools do: by the shell, from its standard output. Neither its output nor its
// words are quoted.
func (c *candidate) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), processLimit) // Find has no context: it waits for nothing else
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.process)
	cmd.WaitDelay = processDelay
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return Look{Where: c.From, What: "credential_process failed: " + err.Error(), fault: true}
	}
	keys, err := ParseKeys(out.Bytes(), c.From)
	if err != nil {
		return Look{Where: c.From, What: "credential_process printed no keys", fault: true}
	}
	c.AccessKey, c.SecretKey, c.SessionToken = keys.AccessKey, keys.SecretKey, keys.SessionToken
	return nil
}
