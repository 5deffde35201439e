"""What tests of every part share: real servers, fresh databases, a clock moved by hand, programs to start."""
