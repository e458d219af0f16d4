package console

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tsunagu/flows"
)

// maxReport is the longest time a report is about.
const maxReport = 366

// span is the days that a report is about, in JST: from and to inclusive; the last two weeks when nothing is said.
func (c *Console) span(v *visit) (from, to time.Time, err error) {
	now := c.Now().In(flows.JST)
	to = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, flows.JST)
	from = to.AddDate(0, 0, -13)
	for name, into := range map[string]*time.Time{"from": &from, "to": &to} {
		if day := v.QueryParam(name); day != "" {
			if *into, err = time.ParseInLocation(time.DateOnly, day, flows.JST); err != nil {
				return from, to, badRequest("badDays")
			}
		}
	}
	if to.Before(from) || to.Sub(from) > maxReport*24*time.Hour {
		return from, to, badRequest("badDays")
	}
	return from, to, nil
}

// A reportPage is what report.html is given.
type reportPage struct {
	From, To                   string
	Total                      reportRow
	Days, Operators            []reportRow
	DayChart, HourChart, Waits template.HTML
	Scores                     []scoreRow
	Answered                   int
}

type reportRow struct {
	Key                      string
	Sessions, Taken, Tickets int
	Wait, Handling, Score    string
}

type scoreRow struct {
	Label string
	N     int
	Share int // percent
}

func rowOf(d flows.DeskCount) reportRow {
	r := reportRow{Key: d.Key, Sessions: d.Sessions, Taken: d.Taken, Tickets: d.Tickets, Wait: "–", Handling: "–", Score: "–"}
	if d.Taken > 0 {
		r.Wait, r.Handling = clockLength(d.Wait/time.Duration(d.Taken)), clockLength(d.Handling/time.Duration(d.Taken))
	}
	if d.Scored > 0 {
		r.Score = strconv.FormatFloat(float64(d.ScoreSum)/float64(d.Scored), 'f', 2, 64)
	}
	return r
}

// clockLength is a length of time as 3:05.
func clockLength(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func add(a, b flows.DeskCount) flows.DeskCount {
	a.Sessions, a.Taken, a.Tickets = a.Sessions+b.Sessions, a.Taken+b.Taken, a.Tickets+b.Tickets
	a.Scored, a.ScoreSum, a.Wait, a.Handling = a.Scored+b.Scored, a.ScoreSum+b.ScoreSum, a.Wait+b.Wait, a.Handling+b.Handling
	return a
}

// figures are what a report is about: the days asked for and what was counted on them.
func (c *Console) figures(v *visit) (from, to time.Time, report flows.DeskReport, err error) {
	if from, to, err = c.span(v); err == nil {
		report, err = c.Desk.Report(v.ctx(), from, to.AddDate(0, 0, 1))
	}
	return from, to, report, err
}

func (c *Console) showReport(v *visit) error {
	from, to, report, err := c.figures(v)
	if err != nil {
		return err
	}
	page := reportPage{From: from.Format(time.DateOnly), To: to.Format(time.DateOnly)}
	total := flows.DeskCount{}
	byDay, byHour := map[string]flows.DeskCount{}, map[string]flows.DeskCount{}
	for _, d := range report.Days {
		total = add(total, d)
		byDay[d.Key] = d
		page.Days = append(page.Days, rowOf(d))
	}
	for _, h := range report.Hours {
		byHour[h.Key] = h
	}
	for _, o := range report.Operators {
		page.Operators = append(page.Operators, rowOf(o))
	}
	page.Total = rowOf(total)
	var days, hours, waits []bar
	for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
		n := byDay[d.Format(time.DateOnly)]
		label := d.Format("1/2")
		days = append(days, bar{label, float64(n.Sessions), float64(n.Taken), fmt.Sprintf("%s: %d / %d", label, n.Sessions, n.Taken)})
		wait := 0.0
		if n.Taken > 0 {
			wait = n.Wait.Minutes() / float64(n.Taken)
		}
		waits = append(waits, bar{label, wait, 0, fmt.Sprintf("%s: %s", label, rowOf(n).Wait)})
	}
	for h := range 24 {
		n := byHour[strconv.Itoa(h)]
		hours = append(hours, bar{strconv.Itoa(h), float64(n.Sessions), float64(n.Taken), fmt.Sprintf("%d:00 %d / %d", h, n.Sessions, n.Taken)})
	}
	page.DayChart, page.HourChart, page.Waits = chart(v.say("report.perDay"), days), chart(v.say("report.perHour"), hours), chart(v.say("report.waits"), waits)
	for score := len(report.Scores) - 1; score > 0; score-- {
		page.Answered += report.Scores[score]
	}
	for score := len(report.Scores) - 1; score > 0; score-- {
		row := scoreRow{Label: v.say("score." + strconv.Itoa(score)), N: report.Scores[score]}
		if page.Answered > 0 {
			row.Share = 100 * row.N / page.Answered
		}
		page.Scores = append(page.Scores, row)
	}
	return c.show(v, http.StatusOK, "report", page)
}

// A bar of a chart has a part that is drawn darker.
type bar struct {
	label       string
	value, part float64
	title       string
}

// chart draws bars as SVG, with a scale and a title for each bar. Colours come from the page's style.
func chart(title string, bars []bar) template.HTML {
	const width, height, left, bottom, top = 640, 180, 36, 22, 8
	most := 1.0
	for _, b := range bars {
		most = max(most, b.value)
	}
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, s := range []float64{1, 2, 5, 10} {
		if most/(step*s) <= 4 {
			step *= s
			break
		}
	}
	scale := math.Ceil(most/step) * step
	y := func(v float64) float64 { return top + (height-top-bottom)*(1-v/scale) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(title))
	for v := 0.0; v <= scale+step/2; v += step {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="scale" x="%d" y="%.1f">%s</text>`,
			left, width, y(v), y(v), left-6, y(v)+4, strconv.FormatFloat(v, 'f', -1, 64))
	}
	each := float64(width-left) / float64(max(len(bars), 1))
	every := max(1, len(bars)/16)
	for i, bar := range bars {
		x, w := float64(left)+each*float64(i)+each*0.15, each*0.7
		fmt.Fprintf(&b, `<g><title>%s</title><rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
			template.HTMLEscapeString(bar.title), x, y(bar.value), w, y(0)-y(bar.value))
		if bar.part > 0 {
			fmt.Fprintf(&b, `<rect class="part" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, y(bar.part), w, y(0)-y(bar.part))
		}
		b.WriteString(`</g>`)
		if i%every == 0 {
			fmt.Fprintf(&b, `<text class="label" x="%.1f" y="%d">%s</text>`, x+w/2, height-6, template.HTMLEscapeString(bar.label))
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // every text in it is escaped above
}

// reportCSV is the same figures for a spreadsheet: UTF-8 with a byte order mark, as spreadsheets expect Japanese.
func (c *Console) reportCSV(v *visit) error {
	from, to, report, err := c.figures(v)
	if err != nil {
		return err
	}
	if err := c.audit(v, "export", "", from.Format(time.DateOnly)+" "+to.Format(time.DateOnly)); err != nil {
		return err
	}
	h := v.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="tsunagu-desk-%s-%s.csv"`, from.Format(time.DateOnly), to.Format(time.DateOnly)))
	v.Response().WriteHeader(http.StatusOK)
	_, _ = v.Response().Write([]byte("\ufeff"))
	w := csv.NewWriter(v.Response())
	_ = w.Write([]string{"by", "key", "sessions", "taken", "tickets", "mean_wait_seconds", "mean_handling_seconds", "scored", "mean_score"})
	for _, part := range []struct {
		by   string
		rows []flows.DeskCount
	}{{"day", report.Days}, {"hour", report.Hours}, {"operator", report.Operators}} {
		for _, d := range part.rows {
			mean := func(sum float64, n int) string {
				if n == 0 {
					return ""
				}
				return strconv.FormatFloat(sum/float64(n), 'f', 1, 64)
			}
			_ = w.Write([]string{part.by, spreadsheet(d.Key), strconv.Itoa(d.Sessions), strconv.Itoa(d.Taken), strconv.Itoa(d.Tickets),
				mean(d.Wait.Seconds(), d.Taken), mean(d.Handling.Seconds(), d.Taken), strconv.Itoa(d.Scored), mean(float64(d.ScoreSum), d.Scored)})
		}
	}
	w.Flush()
	return w.Error()
}

// spreadsheet keeps a name from being taken for a formula.
func spreadsheet(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
