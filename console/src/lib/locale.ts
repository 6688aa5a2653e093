// The chart asks Intl for the browser's language as it loads; a language that is none (en-US@posix) would take the page with it.
try {
  new Intl.NumberFormat(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true })
}
export {}
