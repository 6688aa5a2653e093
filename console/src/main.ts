import './lib/locale'
import '@fontsource/b612/400.css'
import '@fontsource/b612/700.css'
import '@fontsource/b612-mono/400.css'
import './app.css'
import { mount } from 'svelte'
import Root from './Root.svelte'

const target = document.getElementById('app')
if (target) mount(Root, { target })
