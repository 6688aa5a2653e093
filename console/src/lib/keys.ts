/** Single keys. The last one bound wins, so that a dialog's keys stand before the page's; typing is never taken for a command. */

type Action = () => void
const bound: Map<string, Action>[] = []

/** Binds keys while a component lives: give it to `$effect`, it returns the undoing. */
export function bindKeys(actions: Record<string, Action>): Action {
  const map = new Map(Object.entries(actions))
  bound.push(map)
  return () => void bound.splice(bound.indexOf(map), 1)
}

export function handleKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return
  // A letter with shift is another command (`⇧o`): for what must not happen by a slip.
  const letter = /^[a-z]$/i.test(event.key)
  const key = letter ? (event.shiftKey ? '⇧' : '') + event.key.toLowerCase() : event.key
  for (const map of [...bound].reverse()) {
    const action = map.get(key)
    if (!action) continue
    event.preventDefault()
    action()
    return
  }
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest('dialog[open]') !== null)
}

/** For a form whose fields take line breaks: Control and Enter sends it. */
export function submitOnControlEnter(form: HTMLFormElement): Action {
  const listen = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
    // The same press must not reach a question that this opens.
    event.preventDefault()
    form.requestSubmit()
  }
  form.addEventListener('keydown', listen)
  return () => form.removeEventListener('keydown', listen)
}
