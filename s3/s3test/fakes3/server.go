// Package fakes3 is an S3 server in memory that behaves as the Ceph RADOS Gateway does, quirks included: for tests and for the demo.
//
// # What it holds true
//
// It is strict where a gateway is strict: signatures (V4 in the header, presigned, aws-chunked bodies), payload hashes, names,
// conditions, part order and sizes, quotas. It answers as a gateway answers, also where that is odd: PUT takes If-Match without
// quotes only, conditions on CompleteMultipartUpload and DELETE are ignored, the first answer to a completion has an empty ETag,
// a Swift large object is listed with the wrong size. [AWS] switches the oddities off.
//
// # Structure
//
// ServeHTTP finds the operation, asks for faults, checks the signature, carries the operation out under one lock and gets an
// [answer], which is then written out, late, cut or changed if a fault says so. Stored objects never change: every write stores a new
// value, so that a body being sent needs no lock.
package fakes3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server is one running S3 server. All methods are safe for concurrent use.
type Server struct {
	URL       string // with scheme, without a slash at the end
	AccessKey string // of the main user
	SecretKey string
	CACert    []byte // PEM of the certificate to trust; nil without TLS

	opts   options
	http   *http.Server
	serial atomic.Int64  // of requests, for their IDs
	done   chan struct{} // closed by Close: ends stalls
	once   sync.Once

	observer
	throttle

	mu      sync.RWMutex       // guards what follows; never held while bytes move on the network
	users   map[string]*user   // by access key
	buckets map[string]*bucket // by name
	clock   time.Duration      // added to the real time
}

// Start runs a server until Close is called. Without options it listens on 127.0.0.1 at a free port, speaks HTTP and behaves as RGW.
func Start(o ...Option) (*Server, error) {
	opts := defaults()
	for _, set := range o {
		set(&opts)
	}
	s := &Server{
		AccessKey: opts.access, SecretKey: opts.secret,
		opts: opts, done: make(chan struct{}),
		users: map[string]*user{}, buckets: map[string]*bucket{},
	}
	s.observer.reset()
	s.SetLatency(opts.latency)
	s.SetBandwidth(opts.bandwidth)
	s.SetRequestBandwidth(opts.requestBandwidth)
	s.users[opts.access] = &user{id: opts.access, secret: opts.secret, token: opts.token}
	for access, secret := range opts.others {
		s.users[access] = &user{id: access, secret: secret}
	}
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("fakes3: %w", err)
	}
	return s, nil
}

// SetKeys gives the main user other keys; the old ones are refused (InvalidAccessKeyId) from then on.
func (s *Server) SetKeys(access, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, u := range s.users {
		if u.id == s.AccessKey {
			delete(s.users, old)
		}
	}
	s.users[access] = &user{id: s.AccessKey, secret: secret}
}

// AddKeys gives the main user more keys; the old ones are good as well.
func (s *Server) AddKeys(access, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[access] = &user{id: s.AccessKey, secret: secret}
}

func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.opts.listen)
	if err != nil {
		return err
	}
	s.URL = "http://" + l.Addr().String()
	var protocols http.Protocols
	protocols.SetHTTP1(true) // RGW's beast speaks nothing newer
	s.http = &http.Server{
		Handler: s, Protocols: &protocols, ReadHeaderTimeout: time.Minute,
		ErrorLog:  log.New(io.Discard, "", 0),
		ConnState: s.observer.connState,
	}
	if s.opts.tls {
		cert, pem, err := certificate(time.Now())
		if err != nil {
			return errors.Join(err, l.Close())
		}
		s.URL, s.CACert = "https://"+l.Addr().String(), pem
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
	}
	go func() { _ = s.http.Serve(l) }() // ends by Close, with ErrServerClosed
	return nil
}

// Close cuts every connection and ends the server; what it held is gone. A second call does nothing.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		close(s.done)
		err = s.http.Close()
	})
	return err
}

// Shutdown lets requests in flight end, until ctx is done, and then closes the server.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	return errors.Join(err, s.Close())
}

// SetClockOffset makes the server's clock differ from the real one by d: dates of objects and answers, and the check of signatures, which
// refuses requests that are more than 15 minutes off (403 RequestTimeTooSkewed).
func (s *Server) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = d
}

func (s *Server) now() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.nowLocked()
}

// nowLocked is now for callers that hold mu.
func (s *Server) nowLocked() time.Time { return time.Now().Add(s.clock).UTC() }
