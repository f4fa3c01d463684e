package cache

// Serve tells that versions of a store are going to be read. Once there are several, none of them may take all requests, nor all memory for what is being
// downloaded: a store that does not answer would hold up the readers of the others.
func (c *Cache) Serve(store string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sched.link(store)
}

// begun and over count what runs for each store. The caller holds Cache.mu.
func (s *schedule) begun(ft *fetch) {
	l := ft.v.link()
	s.running, s.bytes = s.running+1, s.bytes+ft.n
	l.running, l.bytes = l.running+1, l.bytes+ft.n
}

func (s *schedule) over(ft *fetch) {
	l := ft.v.link()
	s.running, s.bytes = s.running-1, s.bytes-ft.n
	l.running, l.bytes = l.running-1, l.bytes-ft.n
}

// greedy tells that a download has to wait though there is room for it, since its store would leave less than a quarter of what the others leave to it,
// of the allowed requests or of the memory, in bytes. So each of several stores that hang leaves something to the next. The first request of a store
// is never greedy.
func (s *schedule) greedy(ft *fetch, allowed int, memory int64) bool {
	l := ft.v.link()
	if len(s.links) < 2 || l.running == 0 {
		return false
	}
	requests := allowed - (s.running - l.running)
	bytes := memory - (s.bytes - l.bytes)
	return l.running >= requests-max(1, requests/4) || l.bytes+ft.n > bytes-bytes/4
}
