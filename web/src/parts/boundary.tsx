import { Component, type ComponentChildren } from 'preact';

/** What cannot be drawn must not take the rest of the page with it. */
export class Boundary extends Component<{ children: ComponentChildren }, { fault?: Error }> {
  static getDerivedStateFromError = (fault: Error) => ({ fault });

  override render() {
    const { fault } = this.state;
    if (fault === undefined) return this.props.children;
    return (
      <div class="notice bad" role="alert">
        <p>This cannot be shown: {fault.message}.</p>
        <button onClick={() => this.setState({ fault: undefined })}>Try again</button>
      </div>
    );
  }
}
