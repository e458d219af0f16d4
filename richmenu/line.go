package richmenu

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// The calls to LINE. The SDK's WithContext writes to the client it is called on, so every call takes a copy; and it
// puts IDs into paths as they are, so they are looked at first.

var (
	menuID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	userID = regexp.MustCompile(`^U[0-9a-f]{32}$`)
)

func (i *Installer) api(ctx context.Context) *messaging_api.MessagingApiAPI {
	c := *i.API
	return c.WithContext(ctx)
}

func (i *Installer) blob(ctx context.Context) *messaging_api.MessagingApiBlobAPI {
	c := *i.Blob
	return c.WithContext(ctx)
}

// outcome logs a call that was to change something and turns LINE's hourly limit into an error of its own.
func (i *Installer) outcome(ctx context.Context, what, about string, resp *http.Response, err error) error {
	status, request := 0, ""
	if resp != nil {
		status, request = resp.StatusCode, resp.Header.Get("x-line-request-id")
	}
	if i.Log != nil {
		level := slog.LevelInfo
		if err != nil {
			level = slog.LevelWarn
		}
		i.Log.Log(ctx, level, "rich menu", "call", what, "about", about, "status", status, "request", request)
	}
	if hourly := what == createMenu || what == deleteMenu || what == deleteAlias; hourly && status == http.StatusTooManyRequests {
		return fmt.Errorf("%w: %w", ErrHourlyLimit, err)
	}
	return err
}

func (i *Installer) list(ctx context.Context) ([]messaging_api.RichMenuResponse, error) {
	all, err := i.api(ctx).GetRichMenuList()
	if err != nil {
		return nil, fmt.Errorf("list the rich menus: %w", err)
	}
	for _, m := range all.Richmenus {
		if !menuID.MatchString(m.RichMenuId) {
			return nil, fmt.Errorf("list the rich menus: LINE gave the odd ID %q", m.RichMenuId)
		}
	}
	return all.Richmenus, nil
}

func (i *Installer) listAliases(ctx context.Context) (map[string]string, error) {
	all, err := i.api(ctx).GetRichMenuAliasList()
	if err != nil {
		return nil, fmt.Errorf("list the rich menu aliases: %w", err)
	}
	aliases := map[string]string{}
	for _, a := range all.Aliases {
		aliases[a.RichMenuAliasId] = a.RichMenuId
	}
	return aliases, nil
}

// defaultMenu is the ID of the default menu, "" when there is none (404) or when it was set outside the API (403).
func (i *Installer) defaultMenu(ctx context.Context) (string, error) {
	resp, got, err := i.api(ctx).GetDefaultRichMenuIdWithHttpInfo()
	switch {
	case resp != nil && (resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusForbidden):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("ask for the default rich menu: %w", err)
	}
	return got.RichMenuId, nil
}

// bare reports whether the menu has no picture.
func (i *Installer) bare(ctx context.Context, id string) (bool, error) {
	resp, _, err := i.blob(ctx).GetRichMenuImageWithHttpInfo(id)
	if resp != nil {
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusNotFound {
			return true, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("ask for the picture of %s: %w", id, err)
	}
	return false, nil
}

func (i *Installer) create(ctx context.Context, w *wanted) error {
	resp, made, err := i.api(ctx).CreateRichMenuWithHttpInfo(w.request)
	if err := i.outcome(ctx, createMenu, w.request.Name, resp, err); err != nil {
		return err
	}
	if !menuID.MatchString(made.RichMenuId) {
		return fmt.Errorf("LINE gave the odd ID %q", made.RichMenuId)
	}
	w.id = made.RichMenuId
	return nil
}

func (i *Installer) upload(ctx context.Context, w *wanted) error {
	resp, _, err := i.blob(ctx).SetRichMenuImageWithHttpInfo(w.id, "image/png", bytes.NewReader(w.picture))
	return i.outcome(ctx, uploadPicture, w.request.Name, resp, err)
}

func (i *Installer) createAlias(ctx context.Context, alias, id string) error {
	resp, _, err := i.api(ctx).CreateRichMenuAliasWithHttpInfo(
		&messaging_api.CreateRichMenuAliasRequest{RichMenuAliasId: alias, RichMenuId: id})
	return i.outcome(ctx, createAlias, alias, resp, err)
}

func (i *Installer) repoint(ctx context.Context, alias, id string) error {
	resp, _, err := i.api(ctx).UpdateRichMenuAliasWithHttpInfo(alias, &messaging_api.UpdateRichMenuAliasRequest{RichMenuId: id})
	return i.outcome(ctx, repointAlias, alias, resp, err)
}

func (i *Installer) deleteAlias(ctx context.Context, alias string) error {
	resp, _, err := i.api(ctx).DeleteRichMenuAliasWithHttpInfo(alias)
	return i.outcome(ctx, deleteAlias, alias, resp, err)
}

func (i *Installer) setDefault(ctx context.Context, id string) error {
	resp, _, err := i.api(ctx).SetDefaultRichMenuWithHttpInfo(id)
	return i.outcome(ctx, setDefault, id, resp, err)
}

func (i *Installer) delete(ctx context.Context, id string) error {
	resp, _, err := i.api(ctx).DeleteRichMenuWithHttpInfo(id)
	return i.outcome(ctx, deleteMenu, id, resp, err)
}

// linkAll hands up to 500 people to LINE in one call.
func (i *Installer) linkAll(ctx context.Context, id string, people []string) error {
	resp, _, err := i.api(ctx).LinkRichMenuIdToUsersWithHttpInfo(
		&messaging_api.RichMenuBulkLinkRequest{RichMenuId: id, UserIds: people})
	return i.outcome(ctx, relinkPeople, fmt.Sprintf("%d people to %s", len(people), id), resp, err)
}
