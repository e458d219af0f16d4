package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/labstack/echo/v4"

	"tsunagu/bot/linesim"
	"tsunagu/flows"
	"tsunagu/store"
	"tsunagu/store/ledger"
)

type demoCmd struct {
	Listen string `default:":8080" help:"Listener of everything: the phone page, the simulated LINE, the product."`
	Dir    string `help:"Keep the database here [a fresh temporary folder]." type:"path" placeholder:"DIR"`
}

func (d demoCmd) Run(p *program) (err error) {
	dir := d.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "tsunagu-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	public, err := net.Listen("tcp", d.Listen)
	if err != nil {
		return fmt.Errorf("%w (choose another with --listen)", err)
	}
	ops, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a, sim, err := newDemo(p, dir, public)
	if err != nil {
		return err
	}
	context.AfterFunc(p.ctx, sim.Close) // phones that listen would hold the listener open
	running := make(chan error, 1)
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	go func() { running <- a.run(ctx, public, ops) }()
	if err := installMenus(ctx, a.cfg); err != nil {
		stop()
		return errors.Join(fmt.Errorf("install the rich menus: %w", err), <-running)
	}
	base := "http://" + localAddress(public)
	fmt.Fprintf(p.out, demoScreen, base, sim.Config().Name, dir, ops.Addr(), demoOperator, demoPassword)
	return <-running
}

// The demo's operator, who may do everything, and a second one to hand people over to.
const (
	demoOperator, demoPassword = "sato", "sato-demo-2026"
	demoSecond                 = "suzuki"
)

// demoReplies are canned replies to try.
var demoReplies = []flows.CannedReply{
	{ID: "demo-hello", Title: "はじめの挨拶", Text: "{customer}様、お待たせしました。{brand}です。ご用件を伺います。"},
	{ID: "demo-wait", Title: "確認中", Text: "確認しますので、2〜3分お待ちください。"},
	{ID: "demo-bye", Title: "終わりの挨拶", Text: "お問い合わせありがとうございました。ほかにご不明な点があれば、いつでもご連絡ください。"},
}

// addDemoOperators makes the accounts once; a folder that is used again has them.
func addDemoOperators(ctx context.Context, s *store.Store) error {
	for name, display := range map[string]string{demoOperator: "佐藤", demoSecond: "鈴木"} {
		role := flows.RoleAdmin
		if name == demoSecond {
			role = flows.RoleOperator
		}
		if err := s.AddOperator(ctx, name, display, role, demoPassword); err != nil && !errors.Is(err, flows.ErrNameTaken) {
			return err
		}
	}
	for _, r := range demoReplies {
		if err := s.KeepCannedReply(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// demoScreen tells a newcomer what to click.
const demoScreen = `
  つなぐ — %[2]s is running, with a simulated LINE and sample data.

  1  Open the phone         %[1]s/phone
     Add a friend, then press 「契約者連携」 or 「利用者連携」 in the chat.

  2  Sign in as holder      login ID  hanako
     (契約者連携)           password  hanako-demo-2026

  3  Codes to link lines    0123456789012345   太郎, 3GB plan
     (利用者連携)           0123456789012346   花子, 6GB plan

  4  Then ask               残量   データプレゼント   設定   連携を解除
     To give data away, add a second friend and link the other line there.

  5  Open the desk          %[1]s/console
     (いつでもヘルプ)       name  %[5]s   password  %[6]s
     Ask for 「オペレーター」 on the phone between 10:00 and 19:00, and take the chat at the desk.

  The clock on the phone page moves everything: try 23:00 on the last day of a month.
  Metrics: http://%[4]s/metrics    Data: %[3]s
  Ctrl-C ends it.

`

// newDemo builds the product on an embedded database and a simulated LINE that share one listener.
func newDemo(p *program, dir string, public net.Listener) (*app, *linesim.Sim, error) {
	base := "http://" + localAddress(public)
	_, port, err := net.SplitHostPort(public.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	loop := "http://" + net.JoinHostPort("127.0.0.1", port)
	brand, _ := p.getenv("BRAND")
	brand = cmp.Or(brand, flows.Defaults().Brand)
	sim := linesim.New(linesim.Config{Name: brand, Webhook: loop + "/webhook"})
	key, err := demoKey(dir)
	if err != nil {
		return nil, nil, err
	}
	of := sim.Config()
	demo := map[string]string{
		"PUBLIC_URL": base, "DATABASE_URL": "sqlite:" + filepath.Join(dir, "tsunagu.db"), "SECRET_KEY": key,
		"LINE_CHANNEL_SECRET": of.ChannelSecret, "LINE_CHANNEL_ACCESS_TOKEN": of.AccessToken,
		"LINE_API_URL": loop, "LINE_API_DATA_URL": loop, "LINE_ACCESS_URL": base, "LINE_WEB_URL": base, "LOG_LEVEL": "warn",
	}
	cfg, err := loadConfig(func(name string) (string, bool) {
		if v, ok := demo[name]; ok {
			return v, true
		}
		return p.getenv(name)
	}, "", needServe)
	if err != nil {
		return nil, nil, err
	}
	log := p.logger(cfg)
	clk := newClock(time.Time{})
	a, err := newApp(p.ctx, cfg, log, clk.now, true, seams{})
	if err != nil {
		return nil, nil, err
	}
	sim.OnClock(clk.set)
	for _, path := range []string{"/phone", "/phone/*", "/v2/*", "/oauth2/*", "/dialog/*", "/R/*"} {
		a.public.Any(path, echo.WrapHandler(sim))
	}
	if _, err := importCarrier(p.ctx, a.store, a.ledger, bytes.NewReader(ledger.Demo)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("sample data: %w", err), a.store.Close())
	}
	if err := addDemoOperators(p.ctx, a.store); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the desk's accounts: %w", err), a.store.Close())
	}
	return a, sim, nil
}

// demoKey keeps the secret key beside the database, so that a demo can go on where it stopped.
func demoKey(dir string) (string, error) {
	path := filepath.Join(dir, "secret.key")
	kept, err := os.ReadFile(path)
	if err == nil {
		return string(kept), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	key := base64.StdEncoding.EncodeToString(fresh)
	return key, os.WriteFile(path, []byte(key), 0o600)
}
