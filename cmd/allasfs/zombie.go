package main

import (
	"bytes"
	"os"
	"strconv"
)

// zombie tells whether the process has ended and only its parent has not asked for its status yet.
func zombie(pid int) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	threads, err := os.ReadDir(proc + "/task")
	if err != nil || len(threads) > 1 {
		return false // the first thread may end before others
	}
	data, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return false
	}
	// "pid (name) state …", where the name may hold anything.
	i := bytes.LastIndexByte(data, ')')
	return i >= 0 && i+2 < len(data) && (data[i+2] == 'Z' || data[i+2] == 'X')
}
