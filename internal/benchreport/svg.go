package benchreport

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// svg returns the scene as an SVG element; id is for what its title and its
// description are called, and no other element's. Colours are CSS variables, so
// that the paper may be light or dark.
func (s *scene) svg(id string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-title %[3]s-desc"><title id="%[3]s-title">%s</title><desc id="%[3]s-desc">%s</desc>`,
		pixels(s.width), pixels(s.height), id, escape(s.title), escape(s.desc))
	for _, sh := range s.shapes {
		sh.svg(&b)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

func (sh shape) svg(b *strings.Builder) {
	name, opacity := palette[sh.paint].name, ""
	if sh.opaque < 1 {
		opacity = ` opacity="` + pixels(sh.opaque) + `"`
	}
	p := sh.at[0]
	switch sh.kind {
	case rectShape:
		q := sh.at[1]
		fmt.Fprintf(b, `<rect class="f-%s" x="%s" y="%s" width="%s" height="%s"%s/>`, name, pixels(p.x), pixels(p.y), pixels(q.x-p.x), pixels(q.y-p.y), opacity)
	case lineShape:
		dash := ""
		if sh.dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		fmt.Fprintf(b, `<path class="s-%s" stroke-width="%s"%s d="M`, name, pixels(sh.size), dash)
		for i, p := range sh.at {
			if i > 0 {
				b.WriteByte('L')
			}
			b.WriteString(pixels(p.x) + " " + pixels(p.y))
		}
		b.WriteString(`"/>`)
	case dotsShape:
		// A dot is a line of no length with round ends: a dozen bytes each.
		fmt.Fprintf(b, `<path class="s-%s" stroke-linecap="round" stroke-width="%s"%s d="`, name, pixels(2*sh.size), opacity)
		for _, p := range sh.at {
			b.WriteString("M" + pixels(p.x) + " " + pixels(p.y) + "h0")
		}
		b.WriteString(`"/>`)
	case textShape:
		class, weight := [...]string{"", "mid", "end"}[sh.anchor], ""
		if class != "" {
			class = " " + class
		}
		if sh.bold {
			weight = ` font-weight="bold"`
		}
		fmt.Fprintf(b, `<text class="f-%s%s" x="%s" y="%s" font-size="%s"%s>%s</text>`, name, class, pixels(p.x), pixels(p.y), pixels(sh.size), weight, escape(sh.text))
	}
}

// pixels writes a length with one digit behind the point at most, enough for
// the eye.
func pixels(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

func escape(s string) string { return template.HTMLEscapeString(printable(s)) }

// paletteCSS returns the rules of the charts' classes and the colours for light
// and dark paper.
func paletteCSS() template.CSS {
	var light, dark, rules strings.Builder
	for _, c := range palette {
		fmt.Fprintf(&light, "--%s:%s;", c.name, c.light)
		fmt.Fprintf(&dark, "--%s:%s;", c.name, c.dark)
		fmt.Fprintf(&rules, ".f-%s{fill:var(--%[1]s)}.s-%[1]s{stroke:var(--%[1]s);fill:none}\n", c.name)
	}
	return template.CSS(fmt.Sprintf(":root{color-scheme:light dark;%s}\n@media screen and (prefers-color-scheme:dark){:root{%s}}\n.mid{text-anchor:middle}.end{text-anchor:end}\n%s", light.String(), dark.String(), rules.String()))
}
