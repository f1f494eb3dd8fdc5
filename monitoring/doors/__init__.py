"""What the doors to the outside share: who may come in, and how an application is served."""
