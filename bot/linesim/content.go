package linesim

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"time"
)

// contentLife is how long what people sent can be fetched. LINE deletes it after a time it does not state.
const contentLife = 14 * 24 * time.Hour

// mostPixels keeps a small file from becoming a huge picture.
const mostPixels = 50_000_000

// A content is a picture a person sent.
type content struct {
	data, preview []byte
	mediaType     string
	gone          bool // unsent
}

// errNotPicture is returned for bytes that are no JPEG or PNG picture.
var errNotPicture = errors.New("not a JPEG or PNG picture")

// Picture sends a JPEG or PNG picture and returns its message id, or "" while the account is blocked.
func (p *Person) Picture(data []byte) (id string, err error) {
	e, _, err := p.picture(data)
	return e.ID, err
}

func (p *Person) picture(data []byte) (Entry, bool, error) {
	size, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err == nil && size.Width*size.Height > mostPixels {
		err = errors.New("too many pixels")
	}
	var full image.Image
	if err == nil {
		full, _, err = image.Decode(bytes.NewReader(data))
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("%w: %w", errNotPicture, err)
	}
	c := &content{data: data, mediaType: "image/" + format, preview: encode(shrink(full, 240), format)}
	e, ok := p.write("image",
		func(id string) any {
			p.sim.contents.put(id, c, p.sim.now())
			return struct {
				Type string `json:"type"`
				URL  string `json:"url"`
			}{"image", "/phone/api/content/" + id}
		},
		func(head received) any {
			type provider struct {
				Type string `json:"type"`
			}
			return struct {
				received
				ContentProvider provider `json:"contentProvider"`
			}{head, provider{"line"}}
		})
	return e, ok, nil
}

// shrink returns the picture at most width pixels wide, by picking pixels.
func shrink(from image.Image, width int) image.Image {
	b := from.Bounds()
	if b.Dx() <= width {
		return from
	}
	to := image.NewRGBA(image.Rect(0, 0, width, max(1, b.Dy()*width/b.Dx())))
	for y := range to.Rect.Dy() {
		for x := range to.Rect.Dx() {
			to.Set(x, y, from.At(b.Min.X+x*b.Dx()/width, b.Min.Y+y*b.Dx()/width))
		}
	}
	return to
}

func encode(picture image.Image, format string) []byte {
	var b bytes.Buffer
	var err error
	if format == "jpeg" {
		err = jpeg.Encode(&b, picture, nil)
	} else {
		err = png.Encode(&b, picture)
	}
	if err != nil {
		panic(err) // neither a buffer nor a decoded picture can fail
	}
	return b.Bytes()
}

// samplePicture is what a phone without pictures sends: a sunrise.
func samplePicture() []byte {
	const width, height = 640, 480
	sky := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{uint8(255 - y/8), uint8(150 + y/6), uint8(110 + y/4), 255}
			if dx, dy := x-width/2, y-height*3/4; dx*dx+dy*dy < 90*90 {
				c = color.RGBA{255, 244, 200, 255}
			}
			if y > height*3/4 {
				c = color.RGBA{40, uint8(90 + (y-height*3/4)/3), 130, 255}
			}
			sky.Set(x, y, c)
		}
	}
	return encode(sky, "png")
}

// contentOf returns a content, or how LINE refuses it.
func (s *Sim) contentOf(id string) (content, answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.contents.get(id, s.now())
	switch {
	case !ok:
		return content{}, notFound
	case c.gone:
		return content{}, refuse(http.StatusGone, "Gone")
	}
	return *c, answer{}
}

// getContent is GET /v2/bot/message/{messageId}/content.
func (s *Sim) getContent(c *call) answer {
	found, refused := s.contentOf(c.params[0])
	if refused.status != 0 {
		return refused
	}
	return answer{status: http.StatusOK, mediaType: found.mediaType, body: found.data}
}

// getContentPreview is GET /v2/bot/message/{messageId}/content/preview.
func (s *Sim) getContentPreview(c *call) answer {
	found, refused := s.contentOf(c.params[0])
	if refused.status != 0 {
		return refused
	}
	return answer{status: http.StatusOK, mediaType: found.mediaType, body: found.preview}
}

// getTranscoding is GET /v2/bot/message/{messageId}/content/transcoding, which is for videos and sounds; people here
// send neither.
func (s *Sim) getTranscoding(c *call) answer {
	if _, refused := s.contentOf(c.params[0]); refused.status != 0 {
		return refused
	}
	return refuse(http.StatusBadRequest, "The message is neither a video nor a sound")
}
