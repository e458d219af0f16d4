package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"tsunagu/flows"
	"tsunagu/store"
)

// operatorCmd keeps the accounts of the desk.
type operatorCmd struct {
	Add      operatorAddCmd      `cmd:"" help:"Add an account. The password is read from OPERATOR_PASSWORD or standard input."`
	List     operatorListCmd     `cmd:"" help:"List the accounts."`
	Disable  operatorDisableCmd  `cmd:"" help:"Disable an account; whom it has goes back to the queue."`
	Password operatorPasswordCmd `cmd:"" help:"Change a password, read like add's. All sessions of the account end."`
}

type operatorAddCmd struct {
	Name    string `arg:"" help:"Name to sign in with."`
	Role    string `required:"" enum:"operator,supervisor,admin" help:"operator, supervisor or admin."`
	Display string `help:"What people see on LINE, at most 20 characters [the name]."`
}

type operatorListCmd struct{}

type operatorDisableCmd struct {
	Name string `arg:""`
}

type operatorPasswordCmd struct {
	Name string `arg:""`
}

// leastPassword is the shortest password of an operator, as at the desk itself.
const leastPassword = 10

func (a operatorAddCmd) Run(p *program) error {
	if a.Display == "" {
		a.Display = a.Name
	}
	if strings.TrimSpace(a.Name) != a.Name || a.Name == "" || strings.ContainsAny(a.Name, " \t,") || len([]rune(a.Name)) > 64 || len([]rune(a.Display)) > 20 {
		return usageError("a name has no spaces and up to 64 characters, a display name up to 20 (--display)")
	}
	password, err := p.operatorPassword()
	if err != nil {
		return err
	}
	return p.withOperators(func(ctx context.Context, s *store.Store) error {
		err := s.AddOperator(ctx, a.Name, a.Display, flows.Role(a.Role), password)
		if errors.Is(err, flows.ErrNameTaken) {
			return fmt.Errorf("%s is there already; change its password with: tsunagu operator password %s", a.Name, a.Name)
		}
		if err == nil {
			fmt.Fprintf(p.out, "added %s (%s)\n", a.Name, a.Role)
		}
		return err
	})
}

func (operatorListCmd) Run(p *program) error {
	return p.withOperators(func(ctx context.Context, s *store.Store) error {
		all, err := s.Operators(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tDISPLAY\tROLE\tSECOND STEP\tSTATE")
		for _, o := range all {
			state, second := string(o.Presence), "no"
			if o.Disabled {
				state = "disabled"
			}
			if o.TOTP {
				second = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", o.Name, o.Display, o.Role, second, state)
		}
		return w.Flush()
	})
}

func (d operatorDisableCmd) Run(p *program) error {
	return p.withOperators(func(ctx context.Context, s *store.Store) error {
		return named(d.Name, "disabled", p, s.DisableOperator(ctx, d.Name))
	})
}

func (d operatorPasswordCmd) Run(p *program) error {
	password, err := p.operatorPassword()
	if err != nil {
		return err
	}
	return p.withOperators(func(ctx context.Context, s *store.Store) error {
		return named(d.Name, "has a new password", p, s.SetOperatorPassword(ctx, d.Name, password))
	})
}

// named says what was done with an account, or that there is none.
func named(name, what string, p *program, err error) error {
	if errors.Is(err, flows.ErrNoOperator) {
		return fmt.Errorf("no operator is called %s; see: tsunagu operator list", name)
	}
	if err == nil {
		fmt.Fprintln(p.out, name, what)
	}
	return err
}

// operatorPassword is OPERATOR_PASSWORD, else the first line of standard input.
func (p *program) operatorPassword() (string, error) {
	password, _ := p.getenv("OPERATOR_PASSWORD")
	if password == "" {
		if terminal(os.Stdin) {
			fmt.Fprint(p.errs, "Password: ")
		}
		line, err := bufio.NewReader(p.in).ReadString('\n')
		if password = strings.TrimRight(line, "\r\n"); password == "" {
			return "", errors.Join(usageError("no password: set OPERATOR_PASSWORD or write it to standard input"), err)
		}
	}
	if len([]rune(password)) < leastPassword {
		return "", usageError(fmt.Sprintf("the password is too short: %d characters at least", leastPassword))
	}
	return password, nil
}

func (p *program) withOperators(do func(context.Context, *store.Store) error) error {
	return p.withStore(needKeys, func(_ *config, s *store.Store) error {
		if err := s.Migrate(p.ctx); err != nil {
			return err
		}
		return do(p.ctx, s)
	})
}
