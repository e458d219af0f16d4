package console

import (
	"bytes"
	"crypto/rand"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	_ "image/png" // pictures come as PNG, too
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	xdraw "golang.org/x/image/draw"

	"tsunagu/flows"
)

const (
	// maxPicture and maxPreview are LINE's limits for pictures (line-platform §4): 10 MB, and 1 MB for what is shown in the chat.
	maxPicture = 10 << 20
	// mostPixels keeps a small file from becoming a huge picture.
	mostPixels = 40_000_000
	// longSide is how large a picture is sent, previewSide what is shown in the chat.
	longSide, previewSide = 2048, 480
)

var (
	idForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)
	digits    = regexp.MustCompile(`^[0-9]{1,12}$`)
	last4     = regexp.MustCompile(`^[0-9]{4}$`)
	birthdate = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

// sendImage takes a picture, checked by its content and made anew, so that nothing but the picture goes out.
func (c *Console) sendImage(v *visit) error {
	id := v.QueryParam("message")
	row, err := c.mine(v)
	if err != nil {
		return err
	}
	if !idForm.MatchString(id) {
		return badRequest("badRequest")
	}
	data, err := io.ReadAll(http.MaxBytesReader(v.Response(), v.Request().Body, maxPicture))
	if err != nil {
		return badRequest("pictureSize")
	}
	full, preview, err := madeAnew(data)
	if err != nil {
		return badRequest("pictureForm")
	}
	file := rand.Text()
	for name, body := range map[string][]byte{file: full, file + "-s": preview} {
		if err := c.Desk.KeepFile(v.ctx(), flows.DeskFile{ID: name, Session: row.ID, Type: "image/jpeg", Body: body}); err != nil {
			return err
		}
	}
	err = c.Desk.SayAs(v.ctx(), flows.DeskSaid{
		Session: row.ID, Operator: v.me.Name, Name: v.me.Display, ID: id, Kind: "image", Attachment: flows.Attachment{File: file, Bytes: int64(len(full))},
		URL: c.PublicURL + "/media/" + file, Preview: c.PublicURL + "/media/" + file + "-s",
	})
	if err != nil {
		return err
	}
	return c.done(v, "say", row.ID, "image")
}

// madeAnew is a picture as JPEG without anything that is not the picture, and a small one.
func madeAnew(data []byte) (full, preview []byte, err error) {
	size, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || size.Width*size.Height > mostPixels || size.Width == 0 || size.Height == 0 {
		return nil, nil, errors.Join(errors.New("not a picture that can be sent"), err)
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	if full, err = fitted(picture, longSide); err == nil {
		preview, err = fitted(picture, previewSide)
	}
	return full, preview, err
}

// fitted is a picture as JPEG whose longer side is at most so long, on white.
func fitted(picture image.Image, side int) ([]byte, error) {
	b := picture.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > side {
		w, h = max(1, w*side/long), max(1, h*side/long)
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(to, to.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	xdraw.CatmullRom.Scale(to, to.Bounds(), picture, b, xdraw.Over, nil)
	var out bytes.Buffer
	err := jpeg.Encode(&out, to, &jpeg.Options{Quality: 85})
	return out.Bytes(), err
}

// media serves what operators sent to LINE and the person's app. Its names cannot be guessed.
func (c *Console) media(ec echo.Context) error {
	id := ec.Param("id")
	if !idForm.MatchString(id) {
		return ec.NoContent(http.StatusNotFound)
	}
	f, ok, err := c.Desk.File(ec.Request().Context(), id)
	if err != nil {
		c.Log.Error("desk: a file was not read", "err", err)
		return ec.NoContent(http.StatusServiceUnavailable)
	}
	if !ok || f.Type != "image/jpeg" || digits.MatchString(id) { // what customers sent has LINE's numbers
		return ec.NoContent(http.StatusNotFound)
	}
	h := ec.Response().Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=86400")
	return ec.Blob(http.StatusOK, f.Type, f.Body)
}

// inline are the kinds of content that a browser may show; everything else is only downloaded.
var inline = map[string]bool{"image/jpeg": true, "image/png": true, "image/gif": true, "image/webp": true, "video/mp4": true, "audio/m4a": true, "audio/x-m4a": true, "audio/mp4": true, "audio/mpeg": true}

// content is what a customer sent, fetched from LINE when it is first looked at and kept, since LINE forgets it.
func (c *Console) content(v *visit) error {
	row, err := c.seen(v)
	if err != nil {
		return err
	}
	message := v.Param("message")
	kept, err := c.Desk.Transcript(v.ctx(), row.ID, 0)
	if err != nil {
		return err
	}
	known := false
	for _, e := range kept {
		known = known || e.Message == message && !e.Erased
	}
	if !known {
		return flows.ErrNoSession
	}
	f, ok, err := c.Desk.File(v.ctx(), message)
	if err != nil {
		return err
	}
	if !ok {
		kind, data, err := c.LINE.Content(v.ctx(), message, false)
		if err != nil {
			c.Log.Warn("desk: content was not fetched", "err", err)
			return badRequest("contentGone")
		}
		kind, _, _ = strings.Cut(kind, ";")
		if strings.HasPrefix(kind, "image/") { // by what it is, not by what it is called
			kind = http.DetectContentType(data)
		}
		f = flows.DeskFile{ID: message, Session: row.ID, Type: kind, Body: data}
		if err := c.Desk.KeepFile(v.ctx(), f); err != nil {
			return err
		}
	}
	h := v.Response().Header()
	h.Set("Cache-Control", "private, max-age=86400")
	h.Set("Content-Length", strconv.Itoa(len(f.Body)))
	if !inline[f.Type] {
		h.Set("Content-Disposition", `attachment; filename="`+message+`"`)
		f.Type = "application/octet-stream"
	}
	return v.Blob(http.StatusOK, f.Type, f.Body)
}
