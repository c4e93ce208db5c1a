import { render } from 'preact';
import { App } from './app.js';
import { showHidden } from './show-hidden.js';
import './style.css';

showHidden();
render(<App />, document.getElementById('app') as HTMLElement);
