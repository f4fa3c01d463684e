package cache

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// LRU is a map of bounded length that forgets the least recently used entry when it is full. It is safe for concurrent use.
type LRU[K comparable, V any] struct {
	mu sync.Mutex
	l  *simplelru.LRU[K, V]
}

// NewLRU returns an LRU of at most n entries; n below 1 counts as 1.
func NewLRU[K comparable, V any](n int) *LRU[K, V] {
	return &LRU[K, V]{l: newList[K, V](n)}
}

// newList is simplelru without its error, which only a length below 1 brings about.
func newList[K comparable, V any](n int) *simplelru.LRU[K, V] {
	l, err := simplelru.NewLRU[K, V](max(n, 1), nil)
	if err != nil {
		panic(err)
	}
	return l
}

// Get returns the value of k and makes it the most recently used one.
func (l *LRU[K, V]) Get(k K) (v V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.l.Get(k)
}

// Add sets the value of k and makes it the most recently used one; the oldest entry goes when there are too many.
func (l *LRU[K, V]) Add(k K, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.l.Add(k, v)
}

// Remove forgets k; a missing k is no error.
func (l *LRU[K, V]) Remove(k K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.l.Remove(k)
}

// Purge forgets everything.
func (l *LRU[K, V]) Purge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.l.Purge()
}

// Len is the number of entries.
func (l *LRU[K, V]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.l.Len()
}
