package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const source = "pubsub_api.proto"

// generators are run by "go tool", which builds the version go.mod names.
var generators = []string{"protoc-gen-go", "protoc-gen-go-grpc"}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	file, err := compile(ctx)
	if err != nil {
		return err
	}
	for _, generator := range generators {
		if err := generate(ctx, generator, file); err != nil {
			return err
		}
	}
	return nil
}

// compile reads the proto with its comments, which end in the generated code.
func compile(ctx context.Context) (*descriptorpb.FileDescriptorProto, error) {
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", source, err)
	}
	return protodesc.ToFileDescriptorProto(files[0]), nil
}

// generate runs one generator over stdin and stdout, as protoc would, and writes the files it answers with.
func generate(ctx context.Context, generator string, file *descriptorpb.FileDescriptorProto) error {
	request, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{source},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{file},
	})
	if err != nil {
		return fmt.Errorf("encode the request for %s: %w", generator, err)
	}
	command := exec.CommandContext(ctx, "go", "tool", generator)
	command.Stdin = bytes.NewReader(request)
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return fmt.Errorf("run go tool %s: %w", generator, err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(answer, &response); err != nil {
		return fmt.Errorf("decode what %s answered: %w", generator, err)
	}
	if response.Error != nil {
		return fmt.Errorf("%s: %s", generator, response.GetError())
	}
	for _, out := range response.GetFile() {
		name := out.GetName()
		if name != filepath.Base(name) || !strings.HasSuffix(name, ".pb.go") {
			return fmt.Errorf("%s wants to write %q, which is not a generated file of this folder", generator, name)
		}
		if err := os.WriteFile(name, []byte(out.GetContent()), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
