/**
 * A page that was written elsewhere, as parts that can stand in the console: only elements and attributes of a short list pass, so that
 * nothing in it can run, ask for anything, or look like the console's own controls.
 */

const HTML = new Set(['h1', 'h2', 'h3', 'p', 'ul', 'ol', 'li', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'div', 'b', 'em', 'strong', 'code', 'br'])
const SVG = new Set(['svg', 'g', 'line', 'rect', 'circle', 'polyline', 'path', 'text', 'title'])
const ATTRIBUTES = new Set(
  'viewBox role x y x1 x2 y1 y2 cx cy r d points width height text-anchor stroke-dasharray stroke-width colspan'.split(' '),
)
const PAINT = /^(none|var\(--(ink|soft|rule|back|mark|line|event)\))$/
const CLASSES = new Set(['n', 'own', 'soft', 'scroll'])
const SVG_NAMES = 'http://www.w3.org/2000/svg'

/** The body of `page` as nodes of this document. */
export function foreignParts(page: string): DocumentFragment {
  // Its styles would be refused by the console's policy, with a complaint each: they are left out before, the list below decides all else.
  const plain = page.replace(/<style[\s\S]*?<\/style>/gi, '').replace(/\sstyle=("[^"]*"|'[^']*')/gi, '')
  const parsed = new DOMParser().parseFromString(plain, 'text/html')
  const made = document.createDocumentFragment()
  copy(parsed.body, made)
  for (const chart of made.querySelectorAll('svg')) chart.setAttribute('aria-hidden', 'true')
  for (const box of made.querySelectorAll('.scroll')) box.setAttribute('tabindex', '0')
  return made
}

function copy(from: Node, to: Node): void {
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) to.appendChild(document.createTextNode(child.textContent ?? ''))
    else if (child instanceof Element) {
      const made = clone(child)
      if (made) {
        copy(child, made)
        to.appendChild(made)
      }
    }
  }
}

function clone(element: Element): Element | null {
  const svg = element.namespaceURI === SVG_NAMES
  const name = element.localName
  if (!(svg ? SVG : HTML).has(name)) return null
  const made = svg ? document.createElementNS(SVG_NAMES, name) : document.createElement(name === 'h1' ? 'h2' : name)
  for (const { name: key, value } of element.attributes) {
    if (ATTRIBUTES.has(key)) made.setAttribute(key, value)
    else if ((key === 'fill' || key === 'stroke') && PAINT.test(value)) made.setAttribute(key, value)
    else if (key === 'class') made.setAttribute('class', value.split(/\s+/).filter((one) => CLASSES.has(one)).join(' '))
  }
  return made
}
