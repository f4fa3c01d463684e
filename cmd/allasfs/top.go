package main

// This file holds `allasfs top`: what it knows, and what the keys do. How it looks is in topview.go.

import (
	"context"
	"slices"
	"time"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
)

// history is how many looks the graphs go back, at most.
const history = 120

func topCommand(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "top [DIR]",
		Short: "Watch mounts on the whole screen: rates, cache, uploads, errors",
		Long: `Show the mounts of this machine, or the one that DIR is on, on the whole terminal, and look every second: rates down and
up, from the cache and of requests with the last two minutes of each, how full the cache is, each upload,
files that are not in the store and why, and the last errors with what to do.

Keys: Tab or the arrows for another mount, Up, Down, PgUp and PgDn to read on, p to pause, ? for help, q to quit.
Where there is no terminal it prints what 'allasfs status --watch' prints.`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeMounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			look := func(ctx context.Context) ([]state, error) { return askAll(ctx, args) }
			if !terminal(s.out) {
				return (&watcher{w: s.out}).run(cmd.Context(), look)
			}
			if _, err := look(cmd.Context()); err != nil { // a DIR that is no mount is told where it can be read afterwards
				return err
			}
			return showTop(cmd.Context(), s, newTop(cmd.Context(), look))
		},
	}
}

// showTop runs the view until it is quit or ctx ends, and leaves the terminal as it was.
func showTop(ctx context.Context, s *streams, t *top) error {
	p := tea.NewProgram(t, tea.WithOutput(s.out), tea.WithoutSignalHandler())
	stop := context.AfterFunc(ctx, p.Quit) // not tea.WithContext: that leaves the reader of keys behind
	defer stop()
	_, err := p.Run()
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = t.err
	}
	return err
}

// top is the model of the view.
type top struct {
	ctx  context.Context
	look func(context.Context) ([]state, error)

	states []state
	at     time.Time // when they were looked at; zero = not yet
	err    error     // of the last look
	moved  map[string]traffic
	past   map[string][]rates     // by mountpoint, the newest last
	queues map[string]*queueMeter // by mountpoint
	chosen string                 // mountpoint; "" = the first

	paused        bool
	keys          topKeys
	help          help.Model
	body          viewport.Model
	width, height int
}

// looked is what one look found.
type looked struct {
	states []state
	err    error
	at     time.Time
}

// lookAgain says that it is time for another look.
type lookAgain struct{}

func newTop(ctx context.Context, look func(context.Context) ([]state, error)) *top {
	return &top{
		ctx: ctx, look: look, moved: map[string]traffic{}, past: map[string][]rates{}, queues: map[string]*queueMeter{},
		keys: newTopKeys(), help: help.New(), body: viewport.New(), width: 80, height: 24,
	}
}

// topKeys are the keys, as the line of help shows them; those for reading on are the viewport's.
type topKeys struct{ next, prev, read, pause, help, quit key.Binding }

func newTopKeys() topKeys {
	bind := func(shown, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, does))
	}
	return topKeys{
		next:  bind("tab →", "next mount", "tab", "right", "l"),
		prev:  bind("shift+tab ←", "mount before", "shift+tab", "left", "h"),
		read:  bind("↑ ↓ pgup pgdn", "read on", "up", "down", "pgup", "pgdown"), // the viewport sees to them
		pause: bind("p", "pause", "p", "space"),
		help:  bind("?", "more keys", "?"),
		quit:  bind("q", "quit", "q", "esc", "ctrl+c"),
	}
}

// ShortHelp implements help.KeyMap.
func (k topKeys) ShortHelp() []key.Binding { return []key.Binding{k.next, k.pause, k.help, k.quit} }

// FullHelp implements help.KeyMap.
func (k topKeys) FullHelp() [][]key.Binding {
	return [][]key.Binding{{k.next, k.prev, k.read}, {k.pause, k.help, k.quit}}
}

// Init implements tea.Model.
func (t *top) Init() tea.Cmd { return t.lookNow }

func (t *top) lookNow() tea.Msg {
	states, err := t.look(t.ctx)
	return looked{states, err, time.Now()}
}

// Update implements tea.Model.
func (t *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.width, t.height = msg.Width, msg.Height
		return t, nil
	case tea.KeyPressMsg:
		return t, t.press(msg)
	case looked:
		if !t.paused {
			t.take(msg)
		}
		return t, tea.Tick(watchEvery, func(time.Time) tea.Msg { return lookAgain{} })
	case lookAgain:
		return t, t.lookNow
	}
	return t, nil
}

// press does what a key says.
func (t *top) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, t.keys.quit):
		return tea.Quit
	case key.Matches(msg, t.keys.pause):
		t.paused = !t.paused
	case key.Matches(msg, t.keys.help):
		t.help.ShowAll = !t.help.ShowAll
	case key.Matches(msg, t.keys.next):
		t.choose(1)
	case key.Matches(msg, t.keys.prev):
		t.choose(-1)
	default:
		var cmd tea.Cmd
		t.body, cmd = t.body.Update(msg)
		return cmd
	}
	return nil
}

// choose goes so many mounts on.
func (t *top) choose(by int) {
	if n := len(t.states); n > 0 {
		t.chosen = t.states[(t.index()+by+n)%n].Mountpoint
		t.body.GotoTop()
	}
}

// index is where the chosen mount is among the states; the first, if it is gone.
func (t *top) index() int {
	return max(0, slices.IndexFunc(t.states, func(st state) bool { return st.Mountpoint == t.chosen }))
}

// take takes in what a look has found.
func (t *top) take(l looked) {
	t.err, t.at = l.err, l.at
	if l.err != nil {
		return
	}
	t.states = l.states
	moved, past, queues := map[string]traffic{}, map[string][]rates{}, map[string]*queueMeter{}
	for _, st := range l.states { // what is known of mounts that are gone is forgotten
		if st.Report == nil {
			continue
		}
		dir := st.Mountpoint
		moved[dir], past[dir], queues[dir] = trafficOf(st.Report.Status, l.at), t.past[dir], t.queues[dir]
		if was, ok := t.moved[dir]; ok {
			if r, ok := moved[dir].since(was); ok {
				past[dir] = append(past[dir], r)
			}
		}
		past[dir] = past[dir][max(0, len(past[dir])-history):]
		if queues[dir] == nil {
			queues[dir] = &queueMeter{}
		}
	}
	t.moved, t.past, t.queues = moved, past, queues
}
