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
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
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
