import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/views.css';

import { render } from 'preact';
import { App } from './app';
import { startClock } from './now';
import { recallPast } from './past';
import { openSite } from './site';

startClock();
void openSite().then(() => {
  recallPast();
  render(<App />, document.getElementById('app')!);
});
